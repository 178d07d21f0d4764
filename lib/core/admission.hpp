// Admission: which requests are taken, and which are dropped, merged, or answered at once.
//
// An exact copy of a request that is still under way is not done again: the answer goes to the newest copy
// (ordering.md, R5). A change that comes so late that it would undo a newer one is dropped (R1, R3), and so
// is what is more than its sender or its export may hold.
#pragma once

#include "core/read_ahead.hpp"
#include "core/write_history.hpp"

namespace aoetarget::core {

/// Told the fate of each request.
class RequestSink {
  public:
    /// `error`: 0 or an errno value. `bad_sector`: the first that could not be verified; only for a failed
    /// verify.
    virtual void finished(Request& request, int error, std::uint64_t bad_sector) = 0;

  protected:
    ~RequestSink() = default;
};

class Admission {
  public:
    Admission(SchedulerResources& resources, Order& order, ReadAhead& read_ahead, RequestSink& sink,
              ExportStats& counters)
        : resources_(resources), order_(order), read_ahead_(read_ahead), sink_(sink), counters_(counters) {
        resources_.holdings.add_export(account_);
    }
    ~Admission() { resources_.holdings.remove_export(account_); }
    Admission(const Admission&) = delete;
    Admission& operator=(const Admission&) = delete;

    /// Takes over a request from the resources' pool, and gives it back there when it is finished.
    void admit(Request* request);
    /// The request has been carried out, or has failed: tells the sink.
    void finish(Request* request, int error, std::uint64_t bad_sector = 0);
    /// A change that is refused: late copies of it are not taken for new ones.
    void remember_refused(Request& change);

    /// Counts a slot that this source holds until let_go(), with a command that is no request to the device.
    /// Null: the export, or the source, must have no more.
    [[nodiscard]] Sender* hold(const FrameSlot& slot, const MacAddress& source);
    void let_go(Sender* holder) { resources_.holdings.leave(holder, account_); }
    [[nodiscard]] Account& account() { return account_; }

  private:
    void merge(Request& original, Request* copy);
    void drop(Request* request);
    void end(Request* request, int error, std::uint64_t bad_sector);
    [[nodiscard]] bool has_room(const Holdings::Asker& asker, const Sender* sender, bool in_company);

    SchedulerResources& resources_;
    Order& order_;
    ReadAhead& read_ahead_;
    RequestSink& sink_;
    ExportStats& counters_;
    Account account_;
    WriteHistory history_{resources_.content_hash};
};

} // namespace aoetarget::core
