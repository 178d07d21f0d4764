#include "core/export.hpp"

#include "core/mutation.hpp"

namespace aoetarget::core {

using namespace protocol;

namespace {

bool is_open_to_all(const ProtocolState& state) {
    return state.mask_list.empty() && state.reservation.empty();
}

} // namespace

Export::Export(const ExportOptions& options, std::unique_ptr<BlockDevice> device, const Geometry& geometry,
               const ProtocolState& state, const Context& context)
    : address_(options.address), serial_(options.serial), model_(options.model), context_(context),
      device_(std::move(device)), geometry_(geometry), write_cache_enabled_(geometry_.volatile_cache),
      open_to_all_(is_open_to_all(state)),
      scheduler_(*device_, geometry_, context.resources, *this, counters_), state_(state) {
    counters_.address = address_;
    counters_.serial = serial_;
    counters_.sectors = geometry_.sectors;
}

bool Export::receive(const Header& header, LinkId link, FrameSlot slot) {
    if (header.version != aoe_version) {
        fail(std::move(slot), link, AoeError::unsupported_version);
        return true;
    }
    switch (static_cast<AoeCommand>(header.command)) {
    case AoeCommand::ata:
        return receive_ata(header, link, std::move(slot));
    case AoeCommand::query_config:
        return receive_config(header, link, std::move(slot));
    case AoeCommand::mask_list:
        return receive_mask(header, link, std::move(slot));
    case AoeCommand::reserve:
        return receive_reserve(header, link, std::move(slot));
    }
    if (header.command >= first_vendor_command)
        return false;
    fail(std::move(slot), link, AoeError::unrecognised_command);
    return true;
}

/// A copy of the state to be changed as the frame asks, for commit(). Only while no other is under way.
ProtocolState& Export::begin_change(const FrameSlot& slot) {
    state_changed_ = slot.arrival();
    change_.state = state_;
    return change_.state;
}

/// Answers when the changed state is on stable storage, at once where nothing is kept or nothing has changed.
void Export::commit(FrameSlot slot, LinkId link, const Change::Answer& answer) {
    const bool is_kept = change_.state == state_ && !save_failed_;
    const bool at_once = context_.store == nullptr || is_kept || mutated(Mutation::answer_unsaved);
    if (!at_once && !context_.resources.holdings.begin_change(slot.pool())) {
        ++counters_.dropped;
        return; // the initiator repeats
    }
    change_.link = link;
    change_.answer = answer;
    if (!(change_.state.mask_list == state_.mask_list && change_.state.reservation == state_.reservation))
        lists_changed_ = state_changed_;
    if (at_once) {
        apply_change(std::move(slot));
        return;
    }
    change_.slot = std::move(slot);
    context_.store->save(address_, change_.state, *this);
}

void Export::saved(int error) {
    FrameSlot slot = std::move(change_.slot);
    context_.resources.holdings.end_change(slot.pool());
    save_failed_ = error != 0;
    if (error != 0)
        answer_change(std::move(slot), AoeError::device_unavailable);
    else
        apply_change(std::move(slot));
}

void Export::apply_change(FrameSlot slot) {
    const bool config_changed = !(state_.config == change_.state.config);
    state_ = change_.state;
    open_to_all_ = is_open_to_all(state_);
    answer_change(std::move(slot), AoeError::none);
    if (config_changed)
        context_.announcements.changed(address_);
}

void Export::answer_change(FrameSlot slot, AoeError error) {
    if (const auto* config = std::get_if<ConfigCommand>(&change_.answer))
        send_config(std::move(slot), change_.link, *config, error);
    else if (const auto* mask = std::get_if<MaskList>(&change_.answer))
        send_mask(std::move(slot), change_.link, *mask, error);
    else
        send_reserve(std::move(slot), change_.link, std::get<Reserve>(change_.answer), error);
}

void Export::fail(FrameSlot slot, LinkId link, AoeError error) {
    ++counters_.aoe_errors;
    context_.responder.send_error(std::move(slot), link, address_, error);
}

} // namespace aoetarget::core
