// Admission decides which requests are admitted, and which are dropped, merged, or answered at once.
//
// An exact copy of a request that is still under way is not carried out again: the answer goes to the newest
// copy (ordering.md, R5). A change that comes so late that it would undo a newer one is dropped (R1, R3), and
// so is a request beyond those that its sender or its export may hold.
#pragma once

#include "core/read_ahead.hpp"
#include "core/write_history.hpp"

namespace aoetarget::core {

/// Learns the fate of each request.
class RequestSink {
  public:
    /// `error` is 0 or an errno value. `bad_sector` is the first that could not be verified, and has a
    /// meaning only for a failed verify.
    virtual void finished(Request& request, int error, std::uint64_t bad_sector) = 0;
    /// The request has taken too long. Answers it, and marks it as given up. Returns false if no slot is free
    /// for the answer.
    virtual bool give_up(Request& request) = 0;
    /// There is no room for the request. Answers it if its repetitions would find none either, because
    /// requests that were given up take it. Returns whether it did.
    virtual bool turn_away(Request& request) = 0;

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
    /// Tells the sink that the request has been carried out or has failed.
    void finish(Request* request, int error, std::uint64_t bad_sector = 0);
    /// Remembers a change that is refused, so that late copies of it do not count as new ones.
    void remember_refused(Request& change);

    /// Counts a slot that this source holds until let_go(), with a command that is no request to the device.
    /// Returns null if the export or the source must have no more.
    [[nodiscard]] Sender* hold(const FrameSlot& slot, const MacAddress& source);
    void let_go(Sender* holder) { resources_.holdings.leave(holder, account_); }
    [[nodiscard]] Account& account() { return account_; }

  private:
    void merge(Request& original, Request* copy);
    void drop(Request* request);
    void end(Request* request, int error, std::uint64_t bad_sector);
    void drop_late(Request* change);
    void count(Holdings::Verdict refusal, const MacAddress& source);

    SchedulerResources& resources_;
    Order& order_;
    ReadAhead& read_ahead_;
    RequestSink& sink_;
    ExportStats& counters_;
    Account account_;
    WriteHistory history_{resources_.content_hash, resources_.history_budget};
};

} // namespace aoetarget::core
