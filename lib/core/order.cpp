// Finds the neighbours of requests, gives them their places, and lines operations up.
#include "core/order.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace aoetarget::core {

using protocol::AtaAction;

namespace {

bool conflict(const Operation& operation, const SectorRange& exclusive, bool changes, bool barrier) {
    if (barrier || operation.barrier)
        return true;
    return (changes || changes_data(operation.action)) && operation.exclusive.overlaps(exclusive) &&
           operation.trimmed.may_overlap(exclusive) && !mutated(Mutation::forget_exclusion);
}

/// R5 compares requests of one source only: the copy of a host that repeats on another interface is carried
/// out after the first, in order. A read is a copy only if it has the same tag: two programs of one host may
/// read the same sectors at the same time, and both must get their answer.
Request* find_copy(const Operation& operation, const Request& request) {
    if (operation.action != request.command.action || !operation.sectors.contains(request.range))
        return nullptr;
    for (Request* original = operation.first; original != nullptr; original = original->next) {
        if (!original->given_up && original->range == request.range && original->source == request.source &&
            original->registers.command_or_status == request.registers.command_or_status &&
            original->registers.feature_or_error == request.registers.feature_or_error &&
            (changes_data(operation.action) ? std::ranges::equal(original->payload(), request.payload()) ||
                                                  mutated(Mutation::merge_any_payload)
                                            : original->tag() == request.tag()))
            return original;
    }
    return nullptr;
}

bool can_join(const Operation& operation, const Request& request) {
    const AtaAction action = request.command.action;
    return operation.state != Operation::State::running && operation.action == action &&
           operation.piece == nullptr && (action == AtaAction::read || action == AtaAction::write) &&
           operation.first->durable == request.durable && operation.count < max_merged_requests &&
           operation.sectors.count + request.range.count <= max_merged_sectors &&
           (operation.sectors.end() == request.range.first || request.range.end() == operation.sectors.first);
}

/// Returns whether the operation is a write that the device is carrying out, up to this sector. A write that
/// has to be made stable does not count, because a lone writer would wait for that twice.
bool ends_at(const Operation& operation, std::uint64_t sector) {
    return operation.state == Operation::State::running && operation.action == AtaAction::write &&
           operation.sectors.end() == sector && !operation.first->durable;
}

bool grows_in_run(const Operation& operation) {
    return operation.action == AtaAction::write && !operation.first->durable;
}

/// Returns whether the rest is as large as the part before it, or has half of the largest size: beyond that
/// the next request might not fit.
bool has_grown(const Operation& rest, const Operation& part) {
    return rest.sectors.count >= std::min<std::uint64_t>(part.sectors.count, max_merged_sectors / 2) ||
           rest.count >= max_merged_requests / 2;
}

} // namespace

Order::Neighbours Order::look_around(const Request& request, const SectorRange& exclusive) const {
    Neighbours found;
    const bool changes = changes_data(request.command.action);
    for (const auto& [other, operation, barrier] : active_) {
        // An operation touches the request if it is on the same blocks or beside them.
        const bool touches = other.first <= exclusive.end() && exclusive.first <= other.end();
        if (!touches && !barrier && !request.barrier)
            continue;
        if (Request* original = find_copy(*operation, request)) {
            const auto rank = [&](const Operation& copied, const Request& its) {
                return std::pair(its.tag() == request.tag(), copied.sequence);
            };
            if (found.original == nullptr ||
                rank(*operation, *original) > rank(*found.copied, *found.original)) {
                found.copied = operation;
                found.original = original;
            }
        }
        if (request.command.action == AtaAction::read && operation->piece != nullptr &&
            !operation->piece->spoilt && operation->sectors.contains(request.range))
            found.fetching = operation;
        if (found.joinable == nullptr && can_join(*operation, request))
            found.joinable = operation;
        if (ends_at(*operation, request.range.first))
            found.preceding = operation;
        if (!conflict(*operation, exclusive, changes, request.barrier))
            continue;
        if (found.newest == nullptr || operation->sequence > found.newest->sequence) {
            found.second_newest = found.newest;
            found.newest = operation;
        } else if (found.second_newest == nullptr || operation->sequence > found.second_newest->sequence) {
            found.second_newest = operation;
        }
    }
    return found;
}

void Order::place(Request* request, const Neighbours& neighbours) {
    Operation* joinable = neighbours.joinable;
    Operation* blocker = neighbours.newest != joinable ? neighbours.newest : neighbours.second_newest;
    // A request that joins an operation takes effect with it. That is in order if nothing newer than the
    // operation is in the way, and if the operation waits for all older ones that are in the way.
    const bool in_order =
        blocker == nullptr || (joinable != nullptr && joinable->state == Operation::State::blocked &&
                               blocker->sequence < joinable->sequence);
    if (joinable != nullptr && in_order) {
        join(*joinable, request);
        return;
    }
    Operation& operation = operation_for(request);
    Operation* before = neighbours.newest;
    if (before != nullptr)
        ++counters_.ordered;
    else if (neighbours.preceding != nullptr && grows_in_run(operation))
        before = hold_behind(operation, *neighbours.preceding);
    queue(operation, before);
}

void Order::place_again(Request* request, const Operation& fetch) {
    Operation& operation = operation_for(request);
    operation.sequence = fetch.sequence;
    queue(operation, nullptr); // nothing is left in the way of the fetch
}

void Order::place_flush() {
    Operation& operation = new_operation(AtaAction::flush, true);
    queue(operation, newest_conflict_before(operation));
}

void Order::blocks_changed() {
    for (Active& active : active_) {
        Operation& operation = *active.operation;
        resources_.occupancy.remove(number_, operation.exclusive);
        take_blocks(operation);
        active.exclusive = operation.exclusive;
        resources_.occupancy.add(number_, operation.exclusive);
    }
}

bool Order::is_free_to_read(const SectorRange& blocks) const {
    return std::ranges::none_of(
        active_, [&](const Active& active) { return conflict(*active.operation, blocks, false, false); });
}

void Order::place_fetch(Piece& piece) {
    Operation& operation = new_operation(AtaAction::read, false);
    operation.piece = &piece;
    operation.sectors = operation.exclusive = piece.range;
    queue(operation, nullptr);
}

Operation* Order::take_ready() {
    last_ready_ = nullptr;
    return std::exchange(first_ready_, nullptr);
}

Operation* Order::running_write_up_to(std::uint64_t sector) const {
    const auto found = std::ranges::find_if(
        active_, [&](const Active& active) { return ends_at(*active.operation, sector); });
    return found != active_.end() ? found->operation : nullptr;
}

/// The device has two parts of one run of writes at a time, and the second begins when it is as large as the
/// first. Writes that continue the run wait, so that further ones can join them: to begin an operation costs
/// the processor more than to serve a dozen requests of it, and otherwise a run of small writes would never
/// grow. `part` is with the device, and ends where `rest` begins. The caller lines `rest` up behind the
/// operation that this returns; null means that it need not wait.
Operation* Order::hold_behind(Operation& rest, Operation& part) const {
    if (Operation* before = running_write_up_to(part.sectors.first))
        return before;
    if (has_grown(rest, part))
        return nullptr;
    return rest.grows_behind = &part;
}

void Order::join(Operation& operation, Request* request) {
    if (operation.sectors.end() == request->range.first) {
        request->next = nullptr;
        operation.last->next = request;
        operation.last = request;
    } else {
        request->next = operation.first;
        operation.first = request;
        operation.sectors.first = request->range.first;
    }
    operation.sectors.count += request->range.count;
    resources_.occupancy.remove(number_, operation.exclusive);
    operation.exclusive = exclusive_range(operation.sectors);
    resources_.occupancy.add(number_, operation.exclusive);
    active_[operation.active_index].exclusive = operation.exclusive;
    ++operation.count;
    if (operation.grows_behind != nullptr && has_grown(operation, *operation.grows_behind)) {
        Operation** link = &std::exchange(operation.grows_behind, nullptr)->waiters;
        while (*link != &operation) {
            assert(*link != nullptr);
            link = &(*link)->next;
        }
        *link = operation.next;
        mutated(Mutation::grown_is_free) ? make_ready(operation) : line_up_again(operation);
    }
}

Operation& Order::new_operation(AtaAction action, bool barrier) {
    Operation* operation = resources_.operations.take();
    assert(operation != nullptr); // the pool has one for each request and each export
    operation->set_owner(&resources_.completions);
    operation->scheduler = &scheduler_;
    operation->action = action;
    operation->sequence = next_sequence_++;
    operation->sectors = operation->exclusive = {};
    operation->trimmed = {};
    operation->barrier = barrier;
    operation->first = operation->last = nullptr;
    operation->count = operation->given_up = 0;
    operation->waiters = operation->grows_behind = nullptr;
    operation->bounce = {};
    operation->piece = nullptr;
    return *operation;
}

Operation& Order::operation_for(Request* request) {
    Operation& operation = new_operation(request->command.action, request->barrier);
    request->next = nullptr;
    operation.sectors = request->range;
    operation.first = operation.last = request;
    operation.count = 1;
    operation.given_up = request->given_up ? 1 : 0;
    take_blocks(operation);
    return operation;
}

/// Decides off which blocks of the device the operation keeps others.
void Order::take_blocks(Operation& operation) const {
    operation.exclusive = exclusive_range(operation.sectors);
    if (operation.action != AtaAction::data_set_management || operation.first == nullptr)
        return;
    operation.trimmed = RangeMap(operation.exclusive);
    const ConstBytes list = operation.first->payload();
    for (std::size_t i = 0; i < list.size() / protocol::dsm_entry_bytes; ++i) {
        const SectorRange range = protocol::dsm_entry(list, i);
        if (range.count > 0)
            operation.trimmed.add(exclusive_range(range));
    }
}

void Order::queue(Operation& operation, Operation* blocker) {
    operation.active_index = active_.size();
    active_.push_back({operation.exclusive, &operation, operation.barrier});
    resources_.occupancy.add(number_, operation.exclusive);
    barriers_ += operation.barrier ? 1 : 0;
    line_up(operation, blocker);
}

/// Queues the operation behind the one that is in its way, or, if none is, among those that start next.
void Order::line_up(Operation& operation, Operation* blocker) {
    const bool at_once =
        mutated(Mutation::trim_at_once) && operation.action == AtaAction::data_set_management;
    if (blocker == nullptr || at_once) {
        make_ready(operation);
        return;
    }
    operation.state = Operation::State::blocked;
    operation.next = blocker->waiters;
    blocker->waiters = &operation;
}

Operation* Order::newest_conflict_before(const Operation& operation) const {
    Operation* newest = nullptr;
    for (const auto& [exclusive, other, barrier] : active_) {
        if (other->sequence < operation.sequence &&
            conflict(*other, operation.exclusive, changes_data(operation.action), operation.barrier) &&
            (newest == nullptr || other->sequence > newest->sequence))
            newest = other;
    }
    return newest;
}

void Order::make_ready(Operation& operation) {
    operation.state = Operation::State::ready;
    operation.next = nullptr;
    if (first_ready_ == nullptr) {
        first_ready_ = &operation;
        resources_.ready.push_back(&scheduler_);
    } else {
        last_ready_->next = &operation;
    }
    last_ready_ = &operation;
}

/// The operations that waited for this one wait for the next that is in their way, or are ready.
void Order::wake_waiters(Operation& operation) {
    Operation* waiter = std::exchange(operation.waiters, nullptr);
    while (waiter != nullptr) {
        Operation* following = waiter->next;
        line_up_again(*waiter);
        waiter = following;
    }
}

void Order::line_up_again(Operation& operation) {
    operation.grows_behind = nullptr;
    Operation* blocker = mutated(Mutation::forget_order) ? nullptr : newest_conflict_before(operation);
    if (blocker == nullptr && grows_in_run(operation)) {
        if (Operation* part = running_write_up_to(operation.sectors.first))
            blocker = hold_behind(operation, *part);
    }
    line_up(operation, blocker);
}

void Order::retire(Operation& operation) {
    active_[operation.active_index] = active_.back();
    active_[operation.active_index].operation->active_index = operation.active_index;
    active_.pop_back();
    resources_.occupancy.remove(number_, operation.exclusive);
    barriers_ -= operation.barrier ? 1 : 0;
    wake_waiters(operation);
    resources_.operations.give_back(&operation);
}

} // namespace aoetarget::core
