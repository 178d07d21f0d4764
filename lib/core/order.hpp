// Order: what of an export is active, and what has to wait for what.
//
// Requests that overlap, one of them a change, take effect in the order in which they were admitted: of such
// operations only one is with the device at a time, the others wait in line (ordering.md, R4 and R6). Overlap
// is judged on the device's logical blocks. Neighbours that wait together become one operation of the device;
// of a run of writes two parts are with the device, the second when it is as large as the first, and the rest
// waits together.
#pragma once

#include "core/blocks.hpp"
#include "core/mutation.hpp"
#include "core/resources.hpp"

#include <aoetarget/stats.hpp>

namespace aoetarget::core {

class Order {
  public:
    /// `scheduler`: whose operations these are.
    Order(Scheduler& scheduler, const Blocks& blocks, SchedulerResources& resources, ExportStats& counters)
        : scheduler_(scheduler), blocks_(blocks), resources_(resources),
          number_(resources.occupancy.add_export()), counters_(counters) {}
    Order(const Order&) = delete;
    Order& operator=(const Order&) = delete;

    /// Room for so many operations at once that requests ask for.
    void reserve(std::size_t operations) { active_.reserve(operations + resources_.pieces.size()); }
    [[nodiscard]] bool idle() const { return active_.empty(); }
    /// Greater than that of every operation so far.
    [[nodiscard]] std::uint64_t next_sequence() const { return next_sequence_; }

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

    /// What an operation on these sectors keeps others off.
    [[nodiscard]] SectorRange exclusive_range(const SectorRange& range) const {
        return mutated(Mutation::overlap_in_sectors) ? range : blocks_.around(range);
    }

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
    /// `exclusive`: the exclusive range of the request.
    [[nodiscard]] Neighbours neighbours_of(const Request& request, const SectorRange& exclusive) const {
        if (!request.barrier && barriers_ == 0 && !resources_.occupancy.is_near(number_, exclusive))
            return {}; // the rule, so it is tested first
        return look_around(request, exclusive);
    }

    /// Gives a request its place: in an operation that has not begun, or in one of its own. Only operations
    /// without conflict with it were added since its neighbours were looked for.
    void place(Request* request, const Neighbours& neighbours);
    /// The request has waited for a fetch that has failed: gives it the place of that.
    void place_again(Request* request, const Operation& fetch);
    /// A flush that comes after everything that was admitted.
    void place_flush();
    /// Whether a read of these blocks has to wait for nothing.
    [[nodiscard]] bool is_free_to_read(const SectorRange& blocks) const;
    /// A read of the piece, whose blocks are free to read.
    void place_fetch(Piece& piece);

    /// What is to be started now, in a list.
    [[nodiscard]] Operation* take_ready();
    /// The operation is over, and has no requests any more.
    void retire(Operation& operation);

  private:
    /// An operation with what tells whether it has to do with a request, side by side with the next.
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
    void queue(Operation& operation, Operation* blocker);
    void line_up(Operation& operation, Operation* blocker);
    void line_up_again(Operation& operation);
    void make_ready(Operation& operation);
    void wake_waiters(Operation& operation);

    Scheduler& scheduler_;
    const Blocks blocks_;
    SchedulerResources& resources_;
    const Occupancy::Export number_; ///< Of the export in the resources' occupancy.
    ExportStats& counters_;
    std::vector<Active> active_; ///< Everything admitted and not retired, in no order.
    std::size_t barriers_ = 0;   ///< Of what is active.
    Operation* first_ready_ = nullptr;
    Operation* last_ready_ = nullptr;
    std::uint64_t next_sequence_ = 1;
};

} // namespace aoetarget::core
