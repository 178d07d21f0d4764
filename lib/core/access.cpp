// Edits the mask list and sets the reservation.
#include "core/access.hpp"

namespace aoetarget::core {

using namespace protocol;

namespace {

/// Applies the directives in order. It stops at the first that fails: the effect of those before it stays,
/// and `directives` becomes the index of the failing one.
MaskError edit_mask(MacList& list, ConstBytes frame, std::size_t capacity, std::uint8_t& directives) {
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

} // namespace

bool AccessCommands::receive_mask(LinkId link, FrameSlot slot) {
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
        if (!may_set(slot))
            return true;
        // The list must fit an answer on this link.
        const std::size_t longest = face_.max_answer(link, slot);
        const std::size_t capacity =
            std::min(MacList::max_entries, (longest - mask_list_bytes) / mask_directive_bytes);
        answer.directive_count = request->directive_count;
        answer.error =
            edit_mask(state_.begin_change(slot).mask_list, slot.frame(), capacity, answer.directive_count);
        state_.commit(std::move(slot), link, answer);
        return true;
    }
    send_mask(std::move(slot), link, answer, AoeError::none);
    return true;
}

void AccessCommands::send_mask(FrameSlot slot, LinkId link, MaskList answer, AoeError error) {
    if (error != AoeError::none) {
        ++face_.counters.aoe_errors;
        answer.write(slot.capacity());
        face_.send(std::move(slot), link, error, mask_list_bytes);
        return;
    }
    if (answer.error == MaskError::none) {
        answer.directive_count = static_cast<std::uint8_t>(state_.mask_list().size());
        if (mask_list_bytes + state_.mask_list().size() * mask_directive_bytes >
            face_.max_answer(link, slot)) {
            answer.error = MaskError::unspecified; // filled through a link with a larger MTU
            answer.directive_count = 0;
        }
    }
    answer.write(slot.capacity());
    std::size_t bytes = mask_list_bytes;
    if (answer.error == MaskError::none) {
        for (std::size_t i = 0; i < state_.mask_list().size(); ++i)
            MaskDirective{.mac = state_.mask_list().entries()[i]}.write(slot.capacity(), i);
        bytes += state_.mask_list().size() * mask_directive_bytes;
    }
    ++face_.counters.other_commands;
    fences_.send(std::move(slot), link, bytes);
}

bool AccessCommands::receive_reserve(const MacAddress& source, LinkId link, FrameSlot slot) {
    const auto request = Reserve::parse(slot.frame());
    if (!request)
        return false;
    const auto command = static_cast<ReserveCommand>(request->command);
    const bool sets = command == ReserveCommand::set || command == ReserveCommand::force_set;
    // The list must fit an answer on this link.
    const std::size_t longest = face_.max_answer(link, slot);
    const bool fits =
        request->is_complete(slot.frame()) && reserve_bytes + request->mac_count * mac_bytes <= longest;
    AoeError error = AoeError::none;
    if (command > ReserveCommand::force_set || (sets && !fits)) {
        error = AoeError::bad_argument;
    } else if (command == ReserveCommand::set && !state_.may_use(source)) {
        error = AoeError::target_is_reserved;
    } else if (sets) {
        if (!may_set(slot))
            return true;
        MacList& reservation = state_.begin_change(slot).reservation;
        reservation.clear();
        for (std::size_t i = 0; i < request->mac_count; ++i)
            reservation.add(get_mac(slot.frame(), reserve_bytes + i * mac_bytes));
        state_.commit(std::move(slot), link, *request);
        return true;
    }
    send_reserve(std::move(slot), link, *request, error);
    return true;
}

void AccessCommands::send_reserve(FrameSlot slot, LinkId link, Reserve answer, AoeError error) {
    auto holders = state_.reservation().entries();
    if (reserve_bytes + holders.size() * mac_bytes > face_.max_answer(link, slot)) {
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
        ++face_.counters.aoe_errors;
        face_.send(std::move(slot), link, error, bytes);
        return;
    }
    ++face_.counters.other_commands;
    fences_.send(std::move(slot), link, bytes);
}

} // namespace aoetarget::core
