// Changes of the state, until they are saved and answered.
#include "core/export_state.hpp"

#include "core/mutation.hpp"

namespace aoetarget::core {

using protocol::AoeError;

namespace {

bool is_open_to_all(const ProtocolState& state) {
    return state.mask_list.empty() && state.reservation.empty();
}

} // namespace

ExportState::ExportState(const ProtocolState& state, ExportFace& face, Answerer& answerer)
    : open_to_all_(is_open_to_all(state)), face_(face), answerer_(answerer), state_(state) {}

ProtocolState& ExportState::begin_change(const FrameSlot& slot) {
    state_changed_ = slot.arrival();
    change_.state = state_;
    return change_.state;
}

void ExportState::commit(FrameSlot slot, LinkId link, const Answer& answer) {
    StateStore* store = face_.context.store;
    const bool is_kept = change_.state == state_ && !save_failed_;
    const bool at_once = store == nullptr || is_kept || mutated(Mutation::answer_unsaved);
    if (!at_once && !face_.context.resources.holdings.begin_change(slot.pool())) {
        ++face_.counters.dropped;
        return; // the initiator repeats
    }
    change_.link = link;
    change_.answer = answer;
    if (!(change_.state.mask_list == state_.mask_list && change_.state.reservation == state_.reservation))
        lists_changed_ = state_changed_;
    if (at_once) {
        apply(std::move(slot));
        return;
    }
    change_.slot = std::move(slot);
    store->save(face_.counters.address, change_.state, *this);
}

void ExportState::saved(int error) {
    FrameSlot slot = std::move(change_.slot);
    face_.context.resources.holdings.end_change(slot.pool());
    save_failed_ = error != 0;
    if (error != 0)
        answerer_.answer_change(std::move(slot), change_.link, change_.answer, AoeError::device_unavailable);
    else
        apply(std::move(slot));
}

void ExportState::apply(FrameSlot slot) {
    const bool config_changed = !(state_.config == change_.state.config);
    state_ = change_.state;
    open_to_all_ = is_open_to_all(state_);
    answerer_.answer_change(std::move(slot), change_.link, change_.answer, AoeError::none);
    if (config_changed)
        face_.context.announcements.changed(face_.counters.address);
}

} // namespace aoetarget::core
