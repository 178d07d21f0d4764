// The events that the operator of a target should learn of unasked: aoetarget_target_options.on_event.
#ifndef AOETARGET_C_EVENT_H
#define AOETARGET_C_EVENT_H

#include <aoetarget-c/base.h>

/// How much an event matters. The values are those of syslog(3).
enum {
    AOETARGET_SEVERITY_ERROR = 3,   ///< Data or service is lost until the operator acts.
    AOETARGET_SEVERITY_WARNING = 4, ///< Something does not work as it should, and may get worse.
    AOETARGET_SEVERITY_NOTICE = 5,  ///< A change that is in order, or that ends earlier trouble.
};

/// Later releases may tell kinds that are not listed here.
enum {
    AOETARGET_EVENT_INTERFACE_GONE = 1,
    AOETARGET_EVENT_INTERFACE_BACK = 2,
    AOETARGET_EVENT_INTERFACE_RENAMED = 3,
    AOETARGET_EVENT_LINK_DOWN = 4,
    AOETARGET_EVENT_LINK_UP = 5,
    AOETARGET_EVENT_MTU_CHANGED = 6,
    AOETARGET_EVENT_MAC_CHANGED = 7,
    AOETARGET_EVENT_INTERFACE_IS_PORT = 8, ///< A bridge, a bond or the like takes the interface's frames.
    AOETARGET_EVENT_INTERFACE_IS_FREE = 9, ///< It is no longer a port.
    /// Its options are others now. The subject of this and the next two may be a pattern.
    AOETARGET_EVENT_INTERFACE_CHANGED = 10,
    AOETARGET_EVENT_INTERFACE_ADDED = 11, ///< These happen while the target runs.
    AOETARGET_EVENT_INTERFACE_REMOVED = 12,
    AOETARGET_EVENT_LANE_LOST = 13, ///< Packet sockets have taken over from AF_XDP.
    AOETARGET_EVENT_LANE_REGAINED = 14,
    AOETARGET_EVENT_BROADCASTS_FILTERED = 15, ///< Filters that AF_XDP passes by still apply to broadcasts.
    AOETARGET_EVENT_FRAMES_DROPPED = 16,      ///< The buffers are too small.
    AOETARGET_EVENT_ADDRESS_CONFLICT = 17,    ///< Another target answers for an address of ours.
    AOETARGET_EVENT_EXPORT_ADDED = 18,        ///< This and the next four happen while the target runs.
    AOETARGET_EVENT_EXPORT_REMOVED = 19,
    AOETARGET_EVENT_EXPORT_RESIZED = 20, ///< It has grown, or its device has shrunk.
    AOETARGET_EVENT_EXPORT_SWAPPED = 21, ///< Another device serves it now.
    AOETARGET_EVENT_EXPORT_CHANGED = 22, ///< Its options are others now.
    AOETARGET_EVENT_DEVICE_FAILING = 23,
    AOETARGET_EVENT_DEVICE_RECOVERED = 24,
    AOETARGET_EVENT_DEVICE_VANISHED = 25, ///< It may come back: aoetarget_find_own_identity().
    AOETARGET_EVENT_DEVICE_TIMED_OUT = 26,
    AOETARGET_EVENT_FLUSH_FAILED = 27, ///< The export refuses writes from now on.
    AOETARGET_EVENT_OUT_OF_SPACE = 28,
    AOETARGET_EVENT_PATH_REPLACED = 29, ///< The path of a file device names another file now, or none.
    AOETARGET_EVENT_STATE_NOT_SAVED = 30,
    AOETARGET_EVENT_STATE_SET_ASIDE = 31, ///< The settings of an export that was added were damaged.
    AOETARGET_EVENT_INITIATOR_NEW = 32,
    AOETARGET_EVENT_INITIATOR_FLOODING = 33,  ///< It has more requests under way than it may.
    AOETARGET_EVENT_INITIATOR_REPEATING = 34, ///< It sends requests again that are under way.
    AOETARGET_EVENT_FRAMES_TOO_LARGE = 35,    ///< Long frames do not reach an initiator; short ones do.
    AOETARGET_EVENT_STALE_WRITES = 36,        ///< Writes came so late that they were dropped.
    AOETARGET_EVENT_STOP_WAITS = 37,          ///< The target was stopped, and a device keeps it from ending.
    AOETARGET_EVENT_EVENTS_LOST = 38,         ///< There were too many events at once to keep them all.
};

struct aoetarget_event {
    size_t size;      ///< As much as the library knows. Members behind it are not there.
    int32_t severity; ///< AOETARGET_SEVERITY_*
    int32_t kind;     ///< AOETARGET_EVENT_*
    /// The name of the kind for programs: "link-down".
    const char* kind_name;
    /// The interface ("eth1"), the export ("e1.1") or the initiator (its MAC address) that it is about.
    const char* subject;
    /// One or two human-readable sentences, with the cause and the cure. They do not repeat the subject.
    const char* text;
    /// The number of events of this kind, severity and subject that were held back since the last one was
    /// told. The target tells a change of state at most once a second, and a condition that may last at most
    /// once a minute, unless a later event of the same subject is told: it tells those of one subject in
    /// their order.
    uint64_t repeats;
};

#endif
