// Saves changes of the state, and answers them.
#include "core/export_state.hpp"

#include "core/mutation.hpp"

#include <fmt/format.h>

#include <system_error>

namespace aoetarget::core {

using protocol::AoeError;

namespace {

/// Whether a host that the old list admits may be on none of the new one's patterns.
bool may_shut_out(const std::vector<MacPattern>& before, const std::vector<MacPattern>& now) {
    const auto is_kept = [&](const MacPattern& pattern) {
        return std::ranges::find(now, pattern) != now.end();
    };
    return !now.empty() && (before.empty() || !std::ranges::all_of(before, is_kept));
}

} // namespace

ExportState::ExportState(const ExportOptions& options, const ProtocolState& state, ExportFace& face,
                         Answerer& answerer)
    : face_(face), answerer_(answerer), allowed_(options.allow), fixed_(options.fixed), state_(state) {
    open_to_all_ = is_open_to_all();
}

void ExportState::change(const ExportOptions& options, bool hides, Time now) {
    if ((hides || may_shut_out(allowed_, options.allow)) && !mutated(Mutation::late_past_change))
        lists_changed_ = std::max(lists_changed_, now);
    fixed_ = options.fixed;
    if (options.allow == allowed_)
        return;
    allowed_ = options.allow;
    open_to_all_ = is_open_to_all();
    face_.context.announcements.changed(face_.counters.address); // others may see it now
}

bool ExportState::is_open_to_all() const {
    return allowed_.empty() && state_.mask_list.empty() && state_.reservation.empty();
}

bool ExportState::may_change(const FrameSlot& slot) {
    if (slot.arrival() < state_changed_)
        ++face_.counters.stale;
    else if (is_changing())
        ++face_.counters.dropped;
    else
        return true;
    return false;
}

ProtocolState& ExportState::begin_change(const FrameSlot& slot) {
    state_changed_ = slot.arrival();
    change_.state = state_;
    return change_.state;
}

void ExportState::commit(FrameSlot slot, LinkId link, const Answer& answer) {
    if (fixed_ && !(change_.state == state_)) {
        refuse(std::move(slot), link, answer);
        return;
    }
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
        lists_changed_ = std::max(lists_changed_, state_changed_); // the operator's word may be newer
    if (at_once) {
        apply(std::move(slot));
        return;
    }
    change_.slot = std::move(slot);
    store->save(face_.counters.address, change_.state, *this);
}

/// Each command is refused as it would be if another host stood in the way, which initiators can handle.
void ExportState::refuse(FrameSlot slot, LinkId link, Answer answer) {
    AoeError error = AoeError::none;
    if (auto* mask = std::get_if<protocol::MaskList>(&answer)) {
        mask->error = protocol::MaskError::unspecified;
        mask->directive_count = 0; // none was carried out
    } else if (std::holds_alternative<protocol::Reserve>(answer)) {
        error = AoeError::target_is_reserved;
    } else {
        error = AoeError::config_string_present;
    }
    answerer_.answer_change(std::move(slot), link, answer, error);
}

void ExportState::saved(int error) {
    FrameSlot slot = std::move(change_.slot);
    face_.context.resources.holdings.end_change(slot.pool());
    save_failed_ = error != 0;
    if (error == 0) {
        apply(std::move(slot));
        return;
    }
    face_.tell(Severity::error, EventKind::state_not_saved,
               fmt::format("A setting that an initiator made could not be saved: {}. It was refused, and the "
                           "settings stay as they were. Mend the cause in the state directory.",
                           std::generic_category().message(error)));
    answerer_.answer_change(std::move(slot), change_.link, change_.answer, AoeError::device_unavailable);
}

void ExportState::apply(FrameSlot slot) {
    const bool config_changed = !(state_.config == change_.state.config);
    state_ = change_.state;
    open_to_all_ = is_open_to_all();
    answerer_.answer_change(std::move(slot), change_.link, change_.answer, AoeError::none);
    if (config_changed)
        face_.context.announcements.changed(face_.counters.address);
}

} // namespace aoetarget::core
