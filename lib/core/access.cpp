// Commands 2 and 3: the MAC mask list and Reserve/Release, and the fence that both imply (protocol.md 4 and
// 5).
#include "core/export.hpp"

#include "core/mutation.hpp"

namespace aoetarget::core {

using namespace protocol;

bool Export::receive_mask(const Header&, LinkId link, FrameSlot slot) {
    const auto request = MaskList::parse(slot.frame());
    if (!request)
        return false;
    const auto command = static_cast<MaskCommand>(request->command);
    MaskList answer{.command = request->command};
    if (command > MaskCommand::edit ||
        (command == MaskCommand::edit && !request->is_complete(slot.frame()))) {
        send_mask(std::move(slot), link, answer, AoeError::bad_argument);
        return true;
    }
    if (command == MaskCommand::edit) {
        if (fence_count_ == max_fences || change_.slot || is_late(slot))
            return false; // too many at once, or overtaken by a newer one: the initiator repeats
        // The list must fit an answer on this link, whose length the answer has to the next reader.
        const std::size_t longest = context_.responder.max_answer(link, slot);
        const std::size_t capacity =
            std::min(MacList::max_entries, (longest - mask_list_bytes) / mask_directive_bytes);
        answer.directive_count = request->directive_count;
        answer.error =
            edit_mask(begin_change(slot).mask_list, slot.frame(), capacity, answer.directive_count);
        commit(std::move(slot), link, answer);
        return true;
    }
    send_mask(std::move(slot), link, answer, AoeError::none);
    return true;
}

/// Applies the directives in order. At the first that fails it stops; what was done stays, and `directives`
/// becomes the failing index.
MaskError Export::edit_mask(MacList& list, ConstBytes frame, std::size_t capacity, std::uint8_t& directives) {
    const std::uint8_t count = directives;
    for (directives = 0; directives < count; ++directives) {
        const MaskDirective directive = MaskDirective::parse(frame, directives);
        switch (static_cast<MaskDirectiveCommand>(directive.command)) {
        case MaskDirectiveCommand::none:
            break;
        case MaskDirectiveCommand::add:
            if (list.contains(directive.mac))
                break;
            if (list.size() >= capacity || !list.add(directive.mac))
                return MaskError::list_full;
            break;
        case MaskDirectiveCommand::remove:
            list.remove(directive.mac);
            break;
        default:
            return MaskError::bad_directive;
        }
    }
    return MaskError::none;
}

/// After a failed edit the answer carries no list, only how many directives were done.
void Export::send_mask(FrameSlot slot, LinkId link, MaskList answer, AoeError error) {
    if (error != AoeError::none) {
        ++counters_.aoe_errors;
        answer.write(slot.capacity());
        context_.responder.send(std::move(slot), link, address_, error, mask_list_bytes);
        return;
    }
    if (answer.error == MaskError::none) {
        answer.directive_count = static_cast<std::uint8_t>(state_.mask_list.size());
        if (mask_list_bytes + state_.mask_list.size() * mask_directive_bytes >
            context_.responder.max_answer(link, slot)) {
            answer.error = MaskError::unspecified; // filled through a link with a larger MTU
            answer.directive_count = 0;
        }
    }
    answer.write(slot.capacity());
    std::size_t bytes = mask_list_bytes;
    if (answer.error == MaskError::none) {
        for (std::size_t i = 0; i < state_.mask_list.size(); ++i)
            MaskDirective{.mac = state_.mask_list.entries()[i]}.write(slot.capacity(), i);
        bytes += state_.mask_list.size() * mask_directive_bytes;
    }
    ++counters_.other_commands;
    send_fenced(std::move(slot), link, bytes);
}

bool Export::receive_reserve(const Header& header, LinkId link, FrameSlot slot) {
    const auto request = Reserve::parse(slot.frame());
    if (!request)
        return false;
    const auto command = static_cast<ReserveCommand>(request->command);
    const bool sets = command == ReserveCommand::set || command == ReserveCommand::force_set;
    // The list must fit an answer on this link.
    const std::size_t longest = context_.responder.max_answer(link, slot);
    const bool fits =
        request->is_complete(slot.frame()) && reserve_bytes + request->mac_count * mac_bytes <= longest;
    AoeError error = AoeError::none;
    if (command > ReserveCommand::force_set || (sets && !fits)) {
        error = AoeError::bad_argument;
    } else if (command == ReserveCommand::set && !may_use(header.source)) {
        error = AoeError::target_is_reserved;
    } else if (sets) {
        if (fence_count_ == max_fences || change_.slot || is_late(slot))
            return false; // too many at once, or overtaken by a newer one: the initiator repeats
        MacList& reservation = begin_change(slot).reservation;
        reservation.clear();
        for (std::size_t i = 0; i < request->mac_count; ++i)
            reservation.add(get_mac(slot.frame(), reserve_bytes + i * mac_bytes));
        commit(std::move(slot), link, *request);
        return true;
    }
    send_reserve(std::move(slot), link, *request, error);
    return true;
}

/// Every answer, errors too, carries the list as it is now.
void Export::send_reserve(FrameSlot slot, LinkId link, Reserve answer, AoeError error) {
    auto holders = state_.reservation.entries();
    if (reserve_bytes + holders.size() * mac_bytes > context_.responder.max_answer(link, slot)) {
        holders = {}; // set through a link with a larger MTU
        if (error == AoeError::none)
            error = AoeError::bad_argument;
    }
    const std::size_t bytes = reserve_bytes + holders.size() * mac_bytes;
    answer.mac_count = static_cast<std::uint8_t>(holders.size());
    answer.write(slot.capacity());
    for (std::size_t i = 0; i < holders.size(); ++i)
        put_mac(slot.capacity(), reserve_bytes + i * mac_bytes, holders[i]);
    if (error != AoeError::none) {
        ++counters_.aoe_errors;
        context_.responder.send(std::move(slot), link, address_, error, bytes);
        return;
    }
    ++counters_.other_commands;
    send_fenced(std::move(slot), link, bytes);
}

/// The lists hold from now on; the answer is given when no change of those whom they exclude can reach the
/// device any more.
void Export::send_fenced(FrameSlot slot, LinkId link, std::size_t bytes) {
    if (!is_fencing() || mutated(Mutation::fence_too_early)) {
        context_.responder.send(std::move(slot), link, address_, AoeError::none, bytes);
        return;
    }
    Sender* holder = fence_count_ < max_fences
                         ? scheduler_.admission().hold(slot, Header::parse(slot.frame())->source)
                         : nullptr;
    if (holder == nullptr)
        return; // the initiator asks again, and finds the change made
    fences_[fence_count_++] = {std::move(slot), link, bytes, scheduler_.order().next_sequence(), holder};
}

bool Export::is_fencing() const {
    return scheduler_.order().has_change_before(scheduler_.order().next_sequence(),
                                                [&](const MacAddress& mac) { return excluded(mac); });
}

void Export::release_fences() {
    while (fence_count_ > 0) {
        Fence& oldest = fences_[0];
        if (scheduler_.order().has_change_before(oldest.before,
                                                 [&](const MacAddress& mac) { return excluded(mac); }))
            return;
        scheduler_.admission().let_go(oldest.holder);
        context_.responder.send(std::move(oldest.slot), oldest.link, address_, AoeError::none, oldest.bytes);
        std::move(fences_.begin() + 1, fences_.begin() + static_cast<std::ptrdiff_t>(fence_count_),
                  fences_.begin());
        --fence_count_;
    }
}

} // namespace aoetarget::core
