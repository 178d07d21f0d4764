// The events that the operator of a target should learn of unasked: TargetOptions::on_event.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace aoetarget {

/// How much an event matters. The values are those of syslog(3).
enum class Severity : std::uint8_t {
    error = 3,   ///< Data or service is lost until the operator acts.
    warning = 4, ///< Something does not work as it should, and may get worse.
    notice = 5,  ///< A change that is in order, or that ends the trouble of an earlier event.
};

/// Returns the name of the severity: "error", "warning" or "notice".
std::string_view name(Severity severity) noexcept;

enum class EventKind : std::uint8_t {
    interface_gone,
    interface_back,
    interface_renamed,
    link_down,
    link_up,
    mtu_changed,
    mac_changed,
    interface_is_port, ///< A bridge, a bond or the like takes the frames of the interface.
    interface_is_free, ///< It is no longer a port.
    interface_changed, ///< Its options are others now. The subject of this and the next two may be a pattern.
    interface_added,   ///< These happen while the target runs.
    interface_removed,
    lane_lost, ///< Packet sockets have taken over from AF_XDP.
    lane_regained,
    broadcasts_filtered, ///< Filters that AF_XDP passes by still apply to broadcasts.
    frames_dropped,      ///< The buffers are too small.
    address_conflict,    ///< Another target answers for an address of ours.
    export_added,        ///< This and the next four happen while the target runs.
    export_removed,
    export_resized, ///< It has grown, or its device has shrunk.
    export_swapped, ///< Another device serves it now.
    export_changed, ///< Its options are others now.
    device_failing,
    device_recovered,
    device_vanished, ///< It may come back as another device: find_own_identity() (file_device.hpp).
    device_timed_out,
    flush_failed, ///< The export refuses writes from now on.
    out_of_space,
    path_replaced, ///< The path of a file device names another file now, or none.
    state_not_saved,
    state_set_aside, ///< The file of the settings of an export that was added was damaged.
    initiator_new,
    initiator_flooding,  ///< It has more requests under way than it may.
    initiator_repeating, ///< It sends requests again that are under way.
    frames_too_large,    ///< Long frames do not reach an initiator, while short ones do.
    stale_writes,        ///< Writes came so late that they were dropped.
    stop_waits,          ///< The target has been stopped, and a device keeps it from ending.
    events_lost,         ///< There were too many events at once to keep them all.
};

/// Returns the name of the kind for programs: "link-down".
std::string_view name(EventKind kind) noexcept;

struct Event {
    Severity severity = Severity::notice;
    EventKind kind = EventKind::export_added;
    /// The interface ("eth1"), the export ("e1.1") or the initiator (its MAC address) that it is about.
    std::string subject = {};
    /// One or two human-readable sentences, with the cause and the cure. They do not repeat the subject.
    std::string text = {};
    /// The number of events of this kind, severity and subject that were held back since the last one was
    /// told. The target tells a change of state at most once a second, and a condition that may last at most
    /// once a minute, unless a later event of the same subject is told: it tells those of one subject in
    /// their order.
    std::uint64_t repeats = 0;
};

} // namespace aoetarget
#pragma GCC visibility pop
