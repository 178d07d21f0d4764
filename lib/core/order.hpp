// Order knows the active operations of an export, and decides which has to wait for which.
//
// Requests that overlap, one of them a change, take effect in the order in which they were admitted: only one
// of such operations is with the device at a time, and the others wait in line (ordering.md, R4 and R6).
// Overlap is judged on the device's logical blocks. Neighbours that wait together become one operation of the
// device. Two parts of a run of writes are with the device, the second when it is as large as the first, and
// the rest waits together.
#pragma once

#include "core/blocks.hpp"
#include "core/mutation.hpp"
#include "core/resources.hpp"

#include <aoetarget/stats.hpp>

namespace aoetarget::core {

class Order {
  public:
    /// The operations belong to `scheduler`. `blocks` are those of the device that the export has now.
    Order(Scheduler& scheduler, const Blocks& blocks, SchedulerResources& resources, ExportStats& counters)
        : scheduler_(scheduler), blocks_(blocks), resources_(resources),
          number_(resources.occupancy.add_export()), counters_(counters) {}
    Order(const Order&) = delete;
    Order& operator=(const Order&) = delete;

    /// Makes room for this many operations of requests at once.
    void reserve(std::size_t operations) { active_.reserve(operations + resources_.pieces.size()); }
    [[nodiscard]] bool idle() const { return active_.empty(); }
    /// Returns a number greater than that of every operation so far.
    [[nodiscard]] std::uint64_t next_sequence() const { return next_sequence_; }

    /// Returns whether a request is still under way that may change data, was admitted before `sequence`, and
    /// comes from a source for which `excluded` holds.
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

    /// Calls `visit` with each operation that is placed and not retired.
    template <typename Visitor>
    void for_each(Visitor visit) const {
        for (const Active& active : active_)
            visit(*active.operation);
    }

    /// Returns the blocks off which an operation on these sectors keeps others.
    [[nodiscard]] SectorRange exclusive_range(const SectorRange& range) const {
        return mutated(Mutation::overlap_in_sectors) ? range : blocks_.around(range);
    }

    /// The operations that matter for a request, among those near it and the barriers. Each is null if there
    /// is none.
    struct Neighbours {
        Operation* fetching = nullptr; ///< It reads ahead the sectors of the request.
        Operation* joinable = nullptr;
        Operation* preceding =
            nullptr;                 ///< A write that is with the device and ends where the request begins.
        Operation* copied = nullptr; ///< The newest operation that has the same request already.
        Request* original = nullptr; ///< That request.
        // The two newest that must come before it. The newest may turn out to be the one that it joins.
        Operation* newest = nullptr;
        Operation* second_newest = nullptr;
    };
    /// `exclusive` is the exclusive range of the request.
    [[nodiscard]] Neighbours neighbours_of(const Request& request, const SectorRange& exclusive) const {
        if (!request.barrier && barriers_ == 0 && !resources_.occupancy.is_near(number_, exclusive))
            return {}; // the usual case, so it is tested first
        return look_around(request, exclusive);
    }

    /// Gives a request its place: in an operation that has not begun, or in one of its own. Only operations
    /// without conflict with it were added since its neighbours were looked for.
    void place(Request* request, const Neighbours& neighbours);
    /// Gives the request, which has waited for a fetch that failed, the place of the fetch.
    void place_again(Request* request, const Operation& fetch);
    /// Places a flush after everything that was admitted, and before everything that is admitted later.
    void place_flush();
    /// The device has other blocks than before. Call this while the device has no operation, and one that all
    /// others wait for is about to retire: they then line up anew.
    void blocks_changed();
    /// Returns whether a read of these blocks has to wait for nothing.
    [[nodiscard]] bool is_free_to_read(const SectorRange& blocks) const;
    /// Places a read of the piece, whose blocks are free to read.
    void place_fetch(Piece& piece);

    /// Returns the operations to start now, as a list.
    [[nodiscard]] Operation* take_ready();
    /// Removes an operation that is over and has no requests any more.
    void retire(Operation& operation);

  private:
    /// An operation and the data that decides whether it matters for a request. Entries lie side by side.
    struct Active {
        SectorRange exclusive;
        Operation* operation;
        bool barrier;
    };

    [[nodiscard]] Neighbours look_around(const Request& request, const SectorRange& exclusive) const;
    [[nodiscard]] Operation* newest_conflict_before(const Operation& operation) const;
    [[nodiscard]] Operation* running_write_up_to(std::uint64_t sector) const;
    Operation* hold_behind(Operation& rest, Operation& part) const;
    void join(Operation& operation, Request* request);
    Operation& new_operation(protocol::AtaAction action, bool barrier);
    Operation& operation_for(Request* request);
    void take_blocks(Operation& operation) const;
    void queue(Operation& operation, Operation* blocker);
    void line_up(Operation& operation, Operation* blocker);
    void line_up_again(Operation& operation);
    void make_ready(Operation& operation);
    void wake_waiters(Operation& operation);

    Scheduler& scheduler_;
    const Blocks& blocks_;
    SchedulerResources& resources_;
    const Occupancy::Export number_; ///< The export's number in the resources' occupancy.
    ExportStats& counters_;
    std::vector<Active> active_; ///< All operations that are placed and not retired, in no order.
    std::size_t barriers_ = 0;   ///< How many of them are barriers.
    Operation* first_ready_ = nullptr;
    Operation* last_ready_ = nullptr;
    std::uint64_t next_sequence_ = 1;
};

} // namespace aoetarget::core
