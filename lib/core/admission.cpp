// Admits requests, merges copies, and drops requests.
#include "core/admission.hpp"

#include "core/mutation.hpp"

#include <algorithm>

namespace aoetarget::core {

using protocol::AtaAction;

namespace {

/// A copy with the same tag is the same request. A copy with another tag may be a new request if another
/// change of these sectors was admitted in between, and then it keeps its place in the order.
bool is_copy(const Request& request, const Order::Neighbours& neighbours) {
    const auto& [fetching, joinable, preceding, copied, original, newest, second_newest] = neighbours;
    return original != nullptr &&
           (newest == nullptr || newest->sequence <= copied->sequence || original->tag() == request.tag());
}

} // namespace

void Admission::admit(Request* request) {
    ++counters_.in_flight;
    const bool in_company = Holdings::has_company(request->slot, request->source);
    const SectorRange exclusive = order_.exclusive_range(request->range);
    const bool changes = changes_data(request->command.action);
    if (changes && history_.has_overtaken(*request)) {
        drop_late(request);
        return;
    }
    const bool reads = request->command.action == AtaAction::read;
    if (reads && read_ahead_.answer(*request)) {
        end(request, 0, 0);
        return;
    }
    const Order::Neighbours neighbours = order_.neighbours_of(*request, exclusive);
    if (is_copy(*request, neighbours)) {
        merge(*neighbours.original, request);
        return;
    }
    const Holdings::Asker asker{request->source, request->slot.pool(), account_};
    Sender* sender = resources_.holdings.find(asker);
    const Holdings::Verdict verdict = resources_.holdings.may_enter(asker, sender, in_company);
    if (verdict != Holdings::Verdict::admitted) {
        if (!sink_.turn_away(*request))
            count(verdict, request->source);
        drop(request);
        return;
    }
    if (changes) {
        request->content = resources_.content_hash.content_of(*request);
        if (history_.has_replaced(*request)) {
            drop_late(request);
            return;
        }
    }
    if (changes &&
        !(mutated(Mutation::forget_trims) && request->command.action == AtaAction::data_set_management))
        history_.add(*request);
    request->sender = resources_.holdings.enter(asker, sender);
    if (changes)
        read_ahead_.spoil(exclusive);
    if (reads)
        read_ahead_.note(request->range);
    if (neighbours.fetching != nullptr)
        ReadAhead::wait(*neighbours.fetching, request);
    else
        order_.place(request, neighbours);
}

void Admission::finish(Request* request, int error, std::uint64_t bad_sector) {
    let_go(request->sender);
    if (changes_data(request->command.action))
        history_.ended(*request, resources_.holdings.now());
    end(request, error, bad_sector);
}

/// Ends the request, of which only the slot remains, for the answer.
void Admission::end(Request* request, int error, std::uint64_t bad_sector) {
    --counters_.in_flight;
    sink_.finished(*request, error, bad_sector);
    resources_.requests.give_back(request);
}

void Admission::drop(Request* request) {
    --counters_.in_flight;
    request->slot = {};
    resources_.requests.give_back(request);
}

void Admission::drop_late(Request* change) {
    ++counters_.stale;
    resources_.traffic.note(TrafficWatch::Sign::late, change->source);
    drop(change);
}

/// The newest copy gets the answer: its header replaces that of the original, whose data may be with the
/// device.
void Admission::merge(Request& original, Request* copy) {
    std::ranges::copy(copy->slot.capacity().first(protocol::aoe_header_bytes),
                      original.slot.capacity().begin());
    if (changes_data(original.command.action))
        history_.merged(original, *copy);
    original.link = copy->link;
    original.registers = copy->registers;
    ++counters_.duplicates;
    resources_.initiators.count_repeat(copy->source, counters_.address);
    resources_.traffic.note(TrafficWatch::Sign::repeating, copy->source);
    drop(copy);
}

void Admission::remember_refused(Request& change) {
    change.content = resources_.content_hash.content_of(change);
    if (!history_.has_overtaken(change) && !history_.has_replaced(change))
        history_.add_refused(change);
}

void Admission::count(Holdings::Verdict refusal, const MacAddress& source) {
    if (refusal != Holdings::Verdict::sender_is_full) {
        ++counters_.overload;
        return;
    }
    ++counters_.crowding;
    resources_.traffic.note(TrafficWatch::Sign::flooding, source);
}

Sender* Admission::hold(const FrameSlot& slot, const MacAddress& source) {
    const Holdings::Asker asker{source, slot.pool(), account_};
    Sender* sender = resources_.holdings.find(asker);
    const bool in_company = Holdings::has_company(slot, source);
    const Holdings::Verdict verdict = resources_.holdings.may_enter(asker, sender, in_company);
    if (verdict == Holdings::Verdict::admitted)
        return resources_.holdings.enter(asker, sender);
    count(verdict, source);
    return nullptr;
}

} // namespace aoetarget::core
