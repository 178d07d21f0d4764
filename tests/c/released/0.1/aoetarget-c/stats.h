// The counters of a target. Counters only grow; take the difference of two snapshots for a rate. stats.hpp of
// the C++ interface says more about some of them.
#ifndef AOETARGET_C_STATS_H
#define AOETARGET_C_STATS_H

#include <aoetarget-c/base.h>

/// A snapshot of all counters.
typedef struct aoetarget_stats aoetarget_stats;

/// Takes a snapshot on the target's thread. The caller owns it, and may read it on any thread, also when the
/// target is gone. Since 0.1.
AOETARGET_API aoetarget_stats* aoetarget_take_stats(aoetarget_target* target);
/// Ends a snapshot. NULL is ignored. Since 0.1.
AOETARGET_API void aoetarget_destroy_stats(aoetarget_stats* stats);

// Each of the functions below that fill a struct takes its size, and returns the size that the library knows:
// see aoetarget.h. `index` counts from 0, up to the number in aoetarget_totals; beyond, they fail with
// ENOENT.

struct aoetarget_totals {
    size_t interfaces; ///< How many there are in the snapshot; the same below.
    size_t waited_for;
    size_t exports;
    size_t initiators;
    /// Exports that were removed and whose flush at the end failed. With a volatile cache, data that was
    /// answered may be lost. Their own counters are gone with them.
    uint64_t failed_last_flushes;
    /// Answers to wildcard requests that the target dropped because no slot was free.
    uint64_t out_of_slots;
};
/// Fills in what there is, and the counters of the whole target. Since 0.1.
AOETARGET_API int aoetarget_stats_totals(const aoetarget_stats* stats, struct aoetarget_totals* out,
                                         size_t size);

struct aoetarget_interface_stats {
    const char* name;  ///< As the interface is called now, or was last.
    const char* entry; ///< The name or pattern that aoetarget_add_interface() got for it.
    /// The link that carries frames now, as human-readable text: "packet", "xdp native", "xdp generic", or
    /// "packet: " and the reason why it is not XDP although the options ask for it.
    const char* link;
    /// The rules of this machine that do not apply to all frames of the target, or empty.
    const char* passes_by;
    /// Those of them that filter received frames, and still apply to broadcasts.
    const char* filters_broadcasts;
    /// The bridge, the bond or the like that takes the interface's frames, so that hosts get no answers here:
    /// serve that one instead. Usually empty.
    const char* port_of;
    /// Why `buffers` is less than the options ask for, as human-readable text, or empty if it is not.
    const char* buffers_bound;
    int64_t since_change_ns;    ///< The time since `up` last changed, or since the interface is known.
    uint32_t mtu;               ///< Largest payload of a frame in bytes.
    uint32_t sectors_per_frame; ///< What Query Config advertises here now.
    uint32_t buffers;           ///< The buffer count that Query Config advertises here now.
    uint8_t mac[6];
    uint8_t up;
    uint8_t absent; ///< 1: the interface was deleted; the target serves the next one with its name.
    uint64_t rx_frames;
    uint64_t rx_dropped;   ///< The kernel dropped them, because a buffer was full: raise net.core.rmem_max.
    uint64_t rx_oversized; ///< Frames longer than a slot.
    uint64_t rx_starved;   ///< The receiver had to stop: the disks are slower than the network.
    uint64_t rx_ignored;   ///< Malformed, meant for another target or not authorised; all those of a port.
    uint64_t tx_frames;
    uint64_t tx_errors;  ///< Answers that were given up after 100 ms. The initiators repeat their requests.
    uint64_t tx_retries; ///< Times that an answer had to wait for the interface.
};
/// Fills in the counters of one interface. Those that a pattern or `wait` may take have an entry while they
/// are there. Since 0.1.
AOETARGET_API int aoetarget_stats_interface(const aoetarget_stats* stats, size_t index,
                                            struct aoetarget_interface_stats* out, size_t size);

/// Returns one of the patterns, and names of interfaces with `wait` that are not there, or NULL (ENOENT). It
/// stays as long as the snapshot. Since 0.1.
AOETARGET_API const char* aoetarget_stats_waited_for(const aoetarget_stats* stats, size_t index);

enum {
    AOETARGET_EXPORT_OK = 0,
    AOETARGET_EXPORT_FAILING = 1, ///< The device fails requests, or has not finished some in time.
    /// A flush has failed. Mend the cause, then replace the device.
    AOETARGET_EXPORT_REFUSING_WRITES = 2,
    AOETARGET_EXPORT_VANISHED = 3, ///< The device is gone, or has become smaller than it was.
    AOETARGET_EXPORT_CONFLICT = 4, ///< Another target answers for the address with another disk.
};

struct aoetarget_export_stats {
    const char* serial;
    uint16_t shelf;
    uint8_t slot;
    int32_t state; ///< AOETARGET_EXPORT_*; of several, the one that asks for most.
    uint64_t sectors;
    int64_t since_change_ns; ///< The time since `state` last changed, or since the export was added.
    /// The time since the arrival of the oldest request that is under way and not yet answered, or -1 if
    /// there is none.
    int64_t oldest_request_ns;
    uint64_t reads;
    uint64_t writes;
    uint64_t sectors_read;
    uint64_t sectors_written;
    uint64_t flushes;
    uint64_t discards;
    uint64_t other_commands;
    uint64_t device_operations; ///< (reads + writes) divided by this is the gain of merging.
    uint64_t read_ahead;        ///< Reads of sectors that an earlier one had read ahead.
    uint64_t duplicates;        ///< Exact copies of a request that is still under way.
    uint64_t ordered;           ///< Requests that had to wait for an earlier one on the same sectors.
    uint64_t patched;           ///< Partial logical blocks that were read, patched and written.
    uint64_t ata_errors;        ///< ATA errors answered.
    uint64_t aoe_errors;        ///< AoE errors answered.
    uint64_t flush_errors;      ///< Flushes that failed. With a volatile cache, data may be lost.
    uint64_t dropped;           ///< The device was out of resources, or its errors stay unanswered.
    uint64_t overload;          ///< The export already had as many requests under way as it may.
    uint64_t crowding;          ///< The sender already had as many requests under way as it may.
    uint64_t stale;             ///< Changes that came so late that they would have undone newer ones.
    uint64_t in_flight;         ///< Requests under way now. This one also falls.
};
/// Fills in the counters of one export. Since 0.1.
AOETARGET_API int aoetarget_stats_export(const aoetarget_stats* stats, size_t index,
                                         struct aoetarget_export_stats* out, size_t size);

/// The kinds of requests that histograms and initiators tell apart.
enum {
    AOETARGET_REQUEST_READ = 0,
    AOETARGET_REQUEST_WRITE = 1,
    AOETARGET_REQUEST_FLUSH = 2,
    AOETARGET_REQUEST_DISCARD = 3,
    AOETARGET_REQUEST_OTHER = 4,
    AOETARGET_REQUEST_KINDS = 5,
};

/// A histogram has four buckets a decade from 10 microseconds to 10 seconds, and one for what takes longer.
#define AOETARGET_LATENCY_BUCKETS 26

struct aoetarget_latency {
    int64_t sum_ns; ///< Of all durations.
    uint64_t counts[AOETARGET_LATENCY_BUCKETS];
};
/// Fills in the times from the arrival of requests of an export to their answers. `index` is that of
/// aoetarget_stats_export(), `kind` is AOETARGET_REQUEST_*. It has no requests that were dropped, and none
/// that the target answers without the device. Since 0.1.
AOETARGET_API int aoetarget_stats_latency(const aoetarget_stats* stats, size_t index, int32_t kind,
                                          struct aoetarget_latency* out, size_t size);
/// Returns the longest duration that falls in a bucket, in nanoseconds; INT64_MAX for the last and beyond.
/// Since 0.1.
AOETARGET_API int64_t aoetarget_latency_bound_ns(size_t bucket);

/// The requests of one initiator to one export.
struct aoetarget_initiator_stats {
    uint8_t initiator[6];
    uint16_t shelf;
    uint8_t slot;
    int64_t last_seen_ns; ///< The time since its last request.
    uint64_t repeats;     ///< Exact copies of requests that were still under way.
    /// All that came, by AOETARGET_REQUEST_*, whatever became of them.
    uint64_t requests[AOETARGET_REQUEST_KINDS];
};
/// Fills in the counters of one pair of an initiator and an export, of which there are up to 1,024. Source
/// addresses are easily forged. Since 0.1.
AOETARGET_API int aoetarget_stats_initiator(const aoetarget_stats* stats, size_t index,
                                            struct aoetarget_initiator_stats* out, size_t size);

#endif
