// Admission: which operation a request becomes part of, and what that operation waits for.
#include "core/scheduler.hpp"

#include "core/mutation.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace aoetarget::core {

using protocol::AtaAction;

Scheduler::Scheduler(BlockDevice& device, const Geometry& geometry, SchedulerResources& resources,
                     RequestSink& sink)
    : device_(device), geometry_(geometry), block_sectors_(geometry.logical_block_bytes / sector_bytes),
      resources_(resources), number_(resources.occupancy.add_export()), sink_(sink),
      reads_ahead_(geometry.read_ahead && resources.pieces.size() > 0 &&
                   resources.pieces.piece_sectors() % block_sectors_ == 0) {
    resources_.bounce.add_export();
    resources_.holdings.add_export(account_);
}

Scheduler::~Scheduler() {
    resources_.holdings.remove_export(account_);
    resources_.bounce.remove_export();
    resources_.pieces.forget(this);
}

bool Scheduler::changes_data(AtaAction action) {
    return action == AtaAction::write || action == AtaAction::data_set_management;
}

SectorRange Scheduler::whole_blocks(const SectorRange& range) const {
    if (block_sectors_ == 1 || range.count == 0)
        return range;
    const std::uint64_t mask = block_sectors_ - 1;
    const std::uint64_t first = range.first & ~mask;
    return {first, ((range.end() + mask) & ~mask) - first};
}

/// What an operation on these sectors keeps others off.
SectorRange Scheduler::exclusive_range(const SectorRange& range) const {
    return mutated(Mutation::overlap_in_sectors) ? range : whole_blocks(range);
}

bool Scheduler::conflict(const Operation& operation, const SectorRange& exclusive, bool changes,
                         bool barrier) {
    if (barrier || operation.barrier)
        return true;
    return (changes || changes_data(operation.action)) && operation.exclusive.overlaps(exclusive) &&
           !mutated(Mutation::forget_exclusion);
}

Scheduler::Neighbours Scheduler::neighbours_of(const Request& request, const SectorRange& exclusive) const {
    Neighbours found;
    if (!request.barrier && barriers_ == 0 && !resources_.occupancy.is_near(number_, exclusive))
        return found; // the rule, so it is tested first
    const bool changes = changes_data(request.command.action);
    for (const auto& [other, operation, barrier] : active_) {
        // Neither on the same blocks nor beside them.
        const bool touches = other.first <= exclusive.end() && exclusive.first <= other.end();
        if (!touches && !barrier && !request.barrier)
            continue;
        if (Request* original = find_duplicate(*operation, request)) {
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

void Scheduler::admit(Request* request) {
    ++requests_in_flight_;
    const bool in_company = Holdings::has_company(request->slot, request->source);
    const SectorRange exclusive = exclusive_range(request->range);
    const bool changes = changes_data(request->command.action);
    if (changes && history_.has_overtaken(*request)) {
        ++counters_.stale;
        drop(request);
        return;
    }
    const bool reads = request->command.action == AtaAction::read;
    if (reads && answer_from_piece(request))
        return;
    auto [fetching, joinable, preceding, copied, original, newest, second_newest] =
        neighbours_of(*request, exclusive);

    // A copy with the same tag is the same request; one with another tag may be a new request if something
    // else was to happen to these sectors in between, and then it keeps its place in the order.
    if (original != nullptr &&
        (newest == nullptr || newest->sequence <= copied->sequence || original->tag() == request->tag())) {
        merge_duplicate(*original, request);
        return;
    }
    const Holdings::Asker asker{request->source, request->slot.pool(), account_};
    Sender* sender = resources_.holdings.find(asker);
    if (!has_room(asker, sender, in_company)) {
        drop(request);
        return;
    }
    if (changes) {
        request->content = resources_.content_hash.content_of(*request);
        if (history_.has_replaced(*request)) {
            ++counters_.stale;
            drop(request);
            return;
        }
    }
    if (changes &&
        !(mutated(Mutation::forget_trims) && request->command.action == AtaAction::data_set_management))
        history_.add(*request);
    request->sender = resources_.holdings.enter(asker, sender);
    if (changes && has_pieces_)
        resources_.pieces.spoil(this, exclusive);
    if (reads)
        fetch_ahead(request->range);
    if (fetching != nullptr) {
        wait_for_piece(*fetching, request);
        return;
    }
    Operation* blocker = newest != joinable ? newest : second_newest;
    // Joining means taking effect when the operation does. That is in order if nothing newer is in the way,
    // and if what is older in the way is something for which the operation waits as well.
    const bool in_order =
        blocker == nullptr || (joinable != nullptr && joinable->state == Operation::State::blocked &&
                               blocker->sequence < joinable->sequence);
    if (joinable != nullptr && in_order) {
        join(*joinable, request);
        return;
    }
    Operation& operation = operation_for(request);
    if (newest != nullptr)
        ++counters_.ordered;
    else if (preceding != nullptr && grows_in_run(operation))
        newest = hold_behind(operation, *preceding);
    queue(operation, newest);
}

void Scheduler::remember_refused(Request& change) {
    change.content = resources_.content_hash.content_of(change);
    if (!history_.has_overtaken(change) && !history_.has_replaced(change))
        history_.add_refused(change);
}

/// What was read ahead is as good as the disk: it is given up when a change of it is admitted.
bool Scheduler::answer_from_piece(Request* request) {
    Piece* piece = has_pieces_ ? resources_.pieces.find(this, request->range) : nullptr;
    if (piece == nullptr || piece->fetching)
        return false;
    copy_from_piece(*piece, *request);
    ++counters_.read_ahead;
    fetch_ahead(request->range); // which may take this piece
    --requests_in_flight_;
    sink_.finished(*request, 0, 0);
    resources_.requests.give_back(request);
    return true;
}

void Scheduler::copy_from_piece(Piece& piece, const Request& request) {
    const std::size_t offset = (request.range.first - piece.range.first) * sector_bytes;
    std::ranges::copy(piece.memory.subspan(offset, request.range.bytes()), request.data().begin());
    piece.used_up = piece.used_up || request.range.end() + request.range.count > piece.range.end();
}

void Scheduler::wait_for_piece(Operation& operation, Request* request) {
    request->next = operation.first;
    operation.first = request;
    ++operation.count;
}

/// Where a read goes on a stream, fetches what will probably be asked for next.
void Scheduler::fetch_ahead(const SectorRange& read) {
    if (!reads_ahead_)
        return;
    SectorRange wanted = streams_.note(read);
    if (wanted.count == 0)
        return;
    wanted.first = whole_blocks(wanted).first;
    if (wanted.first >= geometry_.sectors)
        return;
    wanted.count = std::min(wanted.count, geometry_.sectors - wanted.first);
    for (const auto& [exclusive, operation, barrier] : active_) {
        if (conflict(*operation, wanted, false, false))
            return; // it would have to wait, and then everybody for it who asks for some part
    }
    Piece* piece = resources_.pieces.take(this, wanted);
    if (piece == nullptr)
        return;
    streams_.fetched();
    has_pieces_ = true;
    Operation& operation = new_operation(AtaAction::read, false);
    operation.piece = piece;
    operation.sectors = operation.exclusive = wanted;
    queue(operation, nullptr);
}

/// R5, among requests of one source only: a host that repeats on another interface gets its copy done after
/// the first, in order. A read is only taken for a copy if it has the same tag: two programs of one host may
/// read the same sectors at the same time, and both must get their answer.
Request* Scheduler::find_duplicate(const Operation& operation, const Request& request) {
    if (operation.action != request.command.action || !operation.sectors.contains(request.range))
        return nullptr;
    for (Request* original = operation.first; original != nullptr; original = original->next) {
        if (original->range == request.range && original->source == request.source &&
            original->registers.command_or_status == request.registers.command_or_status &&
            original->registers.feature_or_error == request.registers.feature_or_error &&
            (changes_data(operation.action) ? std::ranges::equal(original->payload(), request.payload()) ||
                                                  mutated(Mutation::merge_any_payload)
                                            : original->tag() == request.tag()))
            return original;
    }
    return nullptr;
}

/// The newest copy gets the answer: its header replaces that of the original, whose data may be with the
/// device.
void Scheduler::merge_duplicate(Request& original, Request* request) {
    std::ranges::copy(request->slot.capacity().first(protocol::aoe_header_bytes),
                      original.slot.capacity().begin());
    if (changes_data(original.command.action))
        history_.merged(original, *request);
    original.link = request->link;
    original.registers = request->registers;
    ++counters_.duplicates;
    drop(request);
}

bool Scheduler::has_room(const Holdings::Asker& asker, const Sender* sender, bool in_company) {
    switch (resources_.holdings.may_enter(asker, sender, in_company)) {
    case Holdings::Verdict::admitted:
        return true;
    case Holdings::Verdict::export_is_full:
        ++counters_.dropped;
        return false;
    case Holdings::Verdict::sender_is_full:
        ++counters_.crowding;
        return false;
    }
    return false;
}

Sender* Scheduler::hold(const FrameSlot& slot, const MacAddress& source) {
    const Holdings::Asker asker{source, slot.pool(), account_};
    Sender* sender = resources_.holdings.find(asker);
    const bool in_company = Holdings::has_company(slot, source);
    return has_room(asker, sender, in_company) ? resources_.holdings.enter(asker, sender) : nullptr;
}

/// The request is no longer under way.
void Scheduler::release(Request& request) {
    --requests_in_flight_;
    let_go(request.sender);
}

void Scheduler::drop(Request* request) {
    --requests_in_flight_;
    request->slot = {};
    resources_.requests.give_back(request);
}

bool Scheduler::can_join(const Operation& operation, const Request& request) const {
    const AtaAction action = request.command.action;
    return operation.state != Operation::State::running && operation.action == action &&
           operation.piece == nullptr && (action == AtaAction::read || action == AtaAction::write) &&
           operation.first->durable == request.durable && operation.count < max_merged_requests &&
           operation.sectors.count + request.range.count <= max_merged_sectors &&
           (operation.sectors.end() == request.range.first || request.range.end() == operation.sectors.first);
}

/// Whether it is a write that the device is carrying out, up to this sector. Not one that has to be made
/// stable first: a lone writer would wait for that twice.
bool Scheduler::ends_at(const Operation& operation, std::uint64_t sector) {
    return operation.state == Operation::State::running && operation.action == AtaAction::write &&
           operation.sectors.end() == sector && !operation.first->durable;
}

Operation* Scheduler::running_write_up_to(std::uint64_t sector) const {
    const auto found = std::ranges::find_if(
        active_, [&](const Active& active) { return ends_at(*active.operation, sector); });
    return found != active_.end() ? found->operation : nullptr;
}

bool Scheduler::grows_in_run(const Operation& operation) {
    return operation.action == AtaAction::write && !operation.first->durable;
}

/// Of one run of writes the device has two parts at a time, and the second is not begun before it is as large
/// as the first. What goes on behind them waits, so that those who go on behind it can join it: to begin an
/// operation costs the processor more than to serve a dozen requests of it, and a run of small writes would
/// stay one of small writes for ever. `part`: what is with the device, up to where `rest` begins. The caller
/// lines it up behind what is returned; null: nothing has to be waited for.
Operation* Scheduler::hold_behind(Operation& rest, Operation& part) const {
    if (Operation* before = running_write_up_to(part.sectors.first))
        return before;
    if (has_grown(rest, part))
        return nullptr;
    return rest.grows_behind = &part;
}

/// Or it is half of the most that one can be: beyond that the next request may be too much for it.
bool Scheduler::has_grown(const Operation& rest, const Operation& part) {
    return rest.sectors.count >= std::min<std::uint64_t>(part.sectors.count, max_merged_sectors / 2) ||
           rest.count >= max_merged_requests / 2;
}

void Scheduler::join(Operation& operation, Request* request) {
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

Operation& Scheduler::new_operation(AtaAction action, bool barrier) {
    Operation* operation = resources_.operations.take();
    assert(operation != nullptr); // there is one for each request and each export
    operation->set_owner(&resources_.completions);
    operation->scheduler = this;
    operation->action = action;
    operation->sequence = next_sequence_++;
    operation->sectors = operation->exclusive = {};
    operation->barrier = barrier;
    operation->first = operation->last = nullptr;
    operation->count = 0;
    operation->waiters = operation->grows_behind = nullptr;
    operation->bounce = {};
    operation->piece = nullptr;
    return *operation;
}

Operation& Scheduler::operation_for(Request* request) {
    Operation& operation = new_operation(request->command.action, request->barrier);
    request->next = nullptr;
    operation.sectors = request->range;
    operation.exclusive = exclusive_range(request->range);
    operation.first = operation.last = request;
    operation.count = 1;
    return operation;
}

void Scheduler::close() {
    if (std::exchange(closed_, true) || geometry_.read_only || // which has nothing to flush
        mutated(Mutation::end_unflushed))
        return;
    Operation& operation = new_operation(AtaAction::flush, true);
    queue(operation, newest_conflict_before(operation));
}

void Scheduler::queue(Operation& operation, Operation* blocker) {
    operation.active_index = active_.size();
    active_.push_back({operation.exclusive, &operation, operation.barrier});
    resources_.occupancy.add(number_, operation.exclusive);
    barriers_ += operation.barrier ? 1 : 0;
    line_up(operation, blocker);
}

/// Behind what is in its way, or, where nothing is, among those that start next.
void Scheduler::line_up(Operation& operation, Operation* blocker) {
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

Operation* Scheduler::newest_conflict_before(const Operation& operation) const {
    Operation* newest = nullptr;
    for (const auto& [exclusive, other, barrier] : active_) {
        if (other->sequence < operation.sequence &&
            conflict(*other, operation.exclusive, changes_data(operation.action), operation.barrier) &&
            (newest == nullptr || other->sequence > newest->sequence))
            newest = other;
    }
    return newest;
}

void Scheduler::make_ready(Operation& operation) {
    operation.state = Operation::State::ready;
    operation.next = nullptr;
    if (first_ready_ == nullptr) {
        first_ready_ = &operation;
        resources_.ready.push_back(this);
    } else {
        last_ready_->next = &operation;
    }
    last_ready_ = &operation;
}

/// What waited for this operation waits for the next that is in its way, or is ready.
void Scheduler::wake_waiters(Operation& operation) {
    Operation* waiter = std::exchange(operation.waiters, nullptr);
    while (waiter != nullptr) {
        Operation* following = waiter->next;
        line_up_again(*waiter);
        waiter = following;
    }
}

void Scheduler::line_up_again(Operation& operation) {
    operation.grows_behind = nullptr;
    Operation* blocker = mutated(Mutation::forget_order) ? nullptr : newest_conflict_before(operation);
    if (blocker == nullptr && grows_in_run(operation)) {
        if (Operation* part = running_write_up_to(operation.sectors.first))
            blocker = hold_behind(operation, *part);
    }
    line_up(operation, blocker);
}

void Scheduler::dispatch() {
    Operation* operation = std::exchange(first_ready_, nullptr);
    last_ready_ = nullptr;
    while (operation != nullptr) {
        Operation* following = operation->next;
        operation->state = Operation::State::running;
        start(*operation);
        operation = following;
    }
}

void Scheduler::retire(Operation& operation) {
    active_[operation.active_index] = active_.back();
    active_[operation.active_index].operation->active_index = operation.active_index;
    active_.pop_back();
    resources_.occupancy.remove(number_, operation.exclusive);
    barriers_ -= operation.barrier ? 1 : 0;
    wake_waiters(operation);
    resources_.operations.give_back(&operation);
}

} // namespace aoetarget::core
