// The numbers of events, which stay the same in every release.
#include "c/events.hpp"

namespace aoetarget::c_interface {

int number_of(EventKind kind) noexcept {
    switch (kind) {
    case EventKind::interface_gone:
        return AOETARGET_EVENT_INTERFACE_GONE;
    case EventKind::interface_back:
        return AOETARGET_EVENT_INTERFACE_BACK;
    case EventKind::interface_renamed:
        return AOETARGET_EVENT_INTERFACE_RENAMED;
    case EventKind::link_down:
        return AOETARGET_EVENT_LINK_DOWN;
    case EventKind::link_up:
        return AOETARGET_EVENT_LINK_UP;
    case EventKind::mtu_changed:
        return AOETARGET_EVENT_MTU_CHANGED;
    case EventKind::mac_changed:
        return AOETARGET_EVENT_MAC_CHANGED;
    case EventKind::interface_is_port:
        return AOETARGET_EVENT_INTERFACE_IS_PORT;
    case EventKind::interface_is_free:
        return AOETARGET_EVENT_INTERFACE_IS_FREE;
    case EventKind::interface_changed:
        return AOETARGET_EVENT_INTERFACE_CHANGED;
    case EventKind::interface_added:
        return AOETARGET_EVENT_INTERFACE_ADDED;
    case EventKind::interface_removed:
        return AOETARGET_EVENT_INTERFACE_REMOVED;
    case EventKind::lane_lost:
        return AOETARGET_EVENT_LANE_LOST;
    case EventKind::lane_regained:
        return AOETARGET_EVENT_LANE_REGAINED;
    case EventKind::broadcasts_filtered:
        return AOETARGET_EVENT_BROADCASTS_FILTERED;
    case EventKind::frames_dropped:
        return AOETARGET_EVENT_FRAMES_DROPPED;
    case EventKind::address_conflict:
        return AOETARGET_EVENT_ADDRESS_CONFLICT;
    case EventKind::export_added:
        return AOETARGET_EVENT_EXPORT_ADDED;
    case EventKind::export_removed:
        return AOETARGET_EVENT_EXPORT_REMOVED;
    case EventKind::export_resized:
        return AOETARGET_EVENT_EXPORT_RESIZED;
    case EventKind::export_swapped:
        return AOETARGET_EVENT_EXPORT_SWAPPED;
    case EventKind::export_changed:
        return AOETARGET_EVENT_EXPORT_CHANGED;
    case EventKind::device_failing:
        return AOETARGET_EVENT_DEVICE_FAILING;
    case EventKind::device_recovered:
        return AOETARGET_EVENT_DEVICE_RECOVERED;
    case EventKind::device_vanished:
        return AOETARGET_EVENT_DEVICE_VANISHED;
    case EventKind::device_timed_out:
        return AOETARGET_EVENT_DEVICE_TIMED_OUT;
    case EventKind::flush_failed:
        return AOETARGET_EVENT_FLUSH_FAILED;
    case EventKind::out_of_space:
        return AOETARGET_EVENT_OUT_OF_SPACE;
    case EventKind::path_replaced:
        return AOETARGET_EVENT_PATH_REPLACED;
    case EventKind::state_not_saved:
        return AOETARGET_EVENT_STATE_NOT_SAVED;
    case EventKind::state_set_aside:
        return AOETARGET_EVENT_STATE_SET_ASIDE;
    case EventKind::initiator_new:
        return AOETARGET_EVENT_INITIATOR_NEW;
    case EventKind::initiator_flooding:
        return AOETARGET_EVENT_INITIATOR_FLOODING;
    case EventKind::initiator_repeating:
        return AOETARGET_EVENT_INITIATOR_REPEATING;
    case EventKind::frames_too_large:
        return AOETARGET_EVENT_FRAMES_TOO_LARGE;
    case EventKind::stale_writes:
        return AOETARGET_EVENT_STALE_WRITES;
    case EventKind::stop_waits:
        return AOETARGET_EVENT_STOP_WAITS;
    case EventKind::events_lost:
        return AOETARGET_EVENT_EVENTS_LOST;
    }
    return 0;
}

std::function<void(const Event&)> event_function(void (*on_event)(void* user, const aoetarget_event* event),
                                                 UserData&& user) {
    const std::function<void(const aoetarget_event*)> tell = bound(on_event, std::move(user));
    if (!tell)
        return {};
    return [tell](const Event& event) {
        aoetarget_event told{};
        told.size = sizeof told;
        told.severity = static_cast<std::int32_t>(event.severity);
        told.kind = number_of(event.kind);
        told.kind_name = name(event.kind).data();
        told.subject = event.subject.c_str();
        told.text = event.text.c_str();
        told.repeats = event.repeats;
        tell(&told);
    };
}

} // namespace aoetarget::c_interface
