// The order of one export's device operations.
//
// Requests that overlap, one of them a change, take effect in the order in which they were admitted: of such
// operations only one is with the device at a time, the others wait in line (initiators.md R4, R6). Overlap
// is judged on the device's logical blocks. An exact copy of a request that is still under way is not done
// again: the answer goes to the newest copy (R5). Neighbours that wait together become one operation of the
// device; of a run of writes two parts are with the device, the second when it is as large as the first, and
// the rest waits together. Requests that do not
// cover whole logical blocks are read, patched and written under the same exclusion. A change that comes so
// late that it would undo a newer one is not admitted (R1, R3).
#pragma once

#include "core/bounce_pool.hpp"
#include "core/fixed_pool.hpp"
#include "core/io_queue.hpp"
#include "core/occupancy.hpp"
#include "core/operation.hpp"
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

/// Shared by all schedulers of a target.
struct SchedulerResources {
    FixedPool<Request> requests;
    FixedPool<Operation> operations;
    Holdings holdings;
    BouncePool bounce;
    PieceStore pieces;
    ContentHash content_hash;
    Occupancy occupancy; ///< By all that is active.
    IoQueue completions;
    /// Schedulers with operations to start.
    std::vector<Scheduler*> ready;
    /// Counts the turns of the loop.
    std::uint64_t turn = 0;
};

class Scheduler {
  public:
    struct Counters {
        std::uint64_t device_operations = 0, duplicates = 0, ordered = 0, patched = 0, dropped = 0,
                      crowding = 0, stale = 0, read_ahead = 0, flush_errors = 0;
    };

    Scheduler(BlockDevice& device, const Geometry& geometry, SchedulerResources& resources,
              RequestSink& sink);
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    /// Room for so many operations at once, so that nothing is allocated when they come.
    void reserve(std::size_t operations) { active_.reserve(operations + resources_.pieces.size()); }
    /// Takes over a request from the resources' pool, and gives it back there when it is finished.
    void admit(Request* request);
    /// A change that is refused: late copies of it are not taken for new ones.
    void remember_refused(Request& change);
    /// Counts a slot that this source holds until let_go(), with a command that is no request to the device.
    /// Null: the export, or the source, must have no more.
    [[nodiscard]] Sender* hold(const FrameSlot& slot, const MacAddress& source);
    void let_go(Sender* holder) { resources_.holdings.leave(holder, account_); }
    /// Starts what is ready. Called when a whole batch was admitted, so that neighbours have met.
    void dispatch();
    /// Flushes the device after everything that was admitted; nothing may be admitted any more. Over when
    /// idle().
    void close();
    /// The device has ended what it was last given for `operation`.
    void completed(Operation& operation, int error);

    [[nodiscard]] Account& account() { return account_; }
    [[nodiscard]] bool idle() const { return active_.empty(); }
    [[nodiscard]] std::size_t in_flight() const { return requests_in_flight_; }
    [[nodiscard]] const Counters& counters() const { return counters_; }

    /// Whether a request that may change data, was admitted before `sequence`, and comes from a source for
    /// which `excluded` holds, is still under way.
    template <typename Predicate>
    [[nodiscard]] bool has_change_before(std::uint64_t sequence, Predicate excluded) const {
        for (const auto& [exclusive, operation, barrier] : active_) {
            if (operation->sequence >= sequence || !changes_data(operation->action))
                continue;
            for (const Request* request = operation->first; request != nullptr; request = request->next) {
                if (excluded(request->source))
                    return true;
            }
        }
        return false;
    }
    /// Greater than that of every operation admitted so far.
    [[nodiscard]] std::uint64_t next_sequence() const { return next_sequence_; }

  private:
    /// An operation with what tells whether it has to do with a request, side by side with the next.
    struct Active {
        SectorRange exclusive;
        Operation* operation;
        bool barrier;
    };

    /// Of the operations near a request, and of barriers, those that matter for it; null: there is none.
    struct Neighbours {
        Operation* fetching = nullptr; ///< Reads ahead what it asks for.
        Operation* joinable = nullptr;
        Operation* preceding = nullptr; ///< A write that is with the device, up to where it begins.
        Operation* copied = nullptr;    ///< The newest that has the same request already.
        Request* original = nullptr;    ///< That request.
        // The two newest that it must come after; the newest may turn out to be the one that it joins.
        Operation* newest = nullptr;
        Operation* second_newest = nullptr;
    };

    static bool changes_data(protocol::AtaAction action);
    [[nodiscard]] SectorRange whole_blocks(const SectorRange& range) const;
    [[nodiscard]] SectorRange exclusive_range(const SectorRange& range) const;
    [[nodiscard]] static bool conflict(const Operation& operation, const SectorRange& exclusive, bool changes,
                                       bool barrier);

    // Admission
    [[nodiscard]] Neighbours neighbours_of(const Request& request, const SectorRange& exclusive) const;
    [[nodiscard]] static Request* find_duplicate(const Operation& operation, const Request& request);
    void merge_duplicate(Request& original, Request* request);
    void drop(Request* request);
    [[nodiscard]] bool has_room(const Holdings::Asker& asker, const Sender* sender, bool in_company);
    void release(Request& request);
    bool answer_from_piece(Request* request);
    void wait_for_piece(Operation& operation, Request* request);
    void fetch_ahead(const SectorRange& read);
    [[nodiscard]] bool can_join(const Operation& operation, const Request& request) const;
    [[nodiscard]] static bool ends_at(const Operation& operation, std::uint64_t sector);
    [[nodiscard]] static bool grows_in_run(const Operation& operation);
    [[nodiscard]] Operation* running_write_up_to(std::uint64_t sector) const;
    Operation* hold_behind(Operation& rest, Operation& part) const;
    [[nodiscard]] static bool has_grown(const Operation& rest, const Operation& part);
    void join(Operation& operation, Request* request);
    Operation& new_operation(protocol::AtaAction action, bool barrier);
    Operation& operation_for(Request* request);
    void queue(Operation& operation, Operation* blocker);
    void line_up(Operation& operation, Operation* blocker);
    void line_up_again(Operation& operation);
    Operation* newest_conflict_before(const Operation& operation) const;
    void make_ready(Operation& operation);
    void wake_waiters(Operation& operation);

    // Execution
    void start(Operation& operation);
    void start_run(Operation& operation, Request* first, std::size_t count);
    [[nodiscard]] bool is_aligned(ConstBytes data) const;
    void transfer(Operation& operation);
    void start_bounced(Operation& operation);
    void resume(Operation& operation);
    void submit_bounced(Operation& operation, Operation::Step step, const SectorRange& range);
    void write_patched(Operation& operation);
    void submit(Operation& operation, Operation::Step step, Io::Op op, const SectorRange& range,
                std::size_t vectors);
    bool take_bounce(Operation& operation);
    void next_discard(Operation& operation);
    void next_verify(Operation& operation);
    void verified(Operation& operation, int error);
    void start_fetch(Operation& operation);
    void fetch_ended(Operation& operation, int error);
    static void copy_from_piece(Piece& piece, const Request& request);
    void run_ended(Operation& operation, int error, std::uint64_t bad_sector = 0);
    void retire(Operation& operation);

    BlockDevice& device_;
    const Geometry geometry_;
    const std::uint64_t block_sectors_;
    SchedulerResources& resources_;
    const Occupancy::Export number_; ///< Of the export in the resources' occupancy.
    RequestSink& sink_;
    Account account_;
    WriteHistory history_{resources_.content_hash};
    ReadStreams streams_{resources_.pieces.piece_sectors()};
    const bool reads_ahead_;
    bool has_pieces_ = false;    ///< False: the store has surely none of this device.
    std::vector<Active> active_; ///< Everything admitted and not retired, in no order.
    std::size_t barriers_ = 0;   ///< Of what is active.
    Operation* first_ready_ = nullptr;
    Operation* last_ready_ = nullptr;
    std::uint64_t next_sequence_ = 1;
    std::size_t requests_in_flight_ = 0;
    bool closed_ = false;
    Counters counters_;
};

} // namespace aoetarget::core
