// A test of the path to a target from the initiator's side, for tools. It only reads.
#ifndef AOETARGET_C_PROBE_H
#define AOETARGET_C_PROBE_H

#include <aoetarget-c/base.h>
#include <aoetarget-c/discover.h>

typedef struct aoetarget_probe_report aoetarget_probe_report;

/// Asks the target of this address on the interface's network who it is, finds the longest frames that get
/// through in either direction, and measures loss and latency. It sends Query Config reads, IDENTIFY DEVICE
/// and reads of the first sectors only, a thousand frames at most in a second. It blocks for a few seconds,
/// and needs CAP_NET_RAW. It needs no target; any thread may call it. The caller owns the result. Errors:
/// EINVAL for a wildcard, and those of sockets. Since 0.1.
AOETARGET_API aoetarget_probe_report* aoetarget_probe(const char* interface_name, uint16_t shelf,
                                                      uint8_t slot);
/// Ends a report. NULL is ignored. Since 0.1.
AOETARGET_API void aoetarget_destroy_probe_report(aoetarget_probe_report* report);

// The functions below fill a struct as aoetarget.h says. Beyond the last entry they fail with ENOENT.

/// Lengths of frames are in bytes, with the 14 bytes of the Ethernet header, which an MTU does not count.
struct aoetarget_probe_summary {
    size_t targets;      ///< Those that answered for the address. All that was measured is about the first.
    size_t others;       ///< If there is none: those of other addresses that answered.
    size_t findings;     ///< There is always one; the most severe comes first.
    const char* port_of; ///< The bridge or the like that takes the interface's frames, or empty.
    const char* refusal; ///< Why the target refused to read, or empty.
    uint32_t mtu;
    uint8_t mac[6];         ///< That of the interface.
    uint8_t answers_at_end; ///< 1: the target still answered when everything was measured.
    /// The sectors that Linux puts into a frame on this path, and the length of a frame with so many.
    uint32_t sectors_in_use;
    uint64_t bytes_in_use;
    /// The longest frame that got through to the target, or 0, and the shortest that did not, or 0 if every
    /// length did that was asked for. Then the same for the way back.
    uint64_t to_target_longest;
    uint64_t to_target_shortest_lost;
    uint64_t from_target_longest;
    uint64_t from_target_shortest_lost;
};
/// Fills in what was found out about the path. Since 0.1.
AOETARGET_API int aoetarget_get_probe_summary(const aoetarget_probe_report* report,
                                              struct aoetarget_probe_summary* out, size_t size);
/// Fills in one of those that answered for the address. Since 0.1.
AOETARGET_API int aoetarget_get_probe_target(const aoetarget_probe_report* report, size_t index,
                                             struct aoetarget_discovered* out, size_t size);
/// Fills in one of those that answered for other addresses. Since 0.1.
AOETARGET_API int aoetarget_get_probe_other(const aoetarget_probe_report* report, size_t index,
                                            struct aoetarget_discovered* out, size_t size);

/// Which requests a series has.
enum {
    AOETARGET_SERIES_SMALL = 0,      ///< Requests and answers that carry no data.
    AOETARGET_SERIES_TO_LARGE = 1,   ///< Requests as long as writes, with short answers.
    AOETARGET_SERIES_FROM_LARGE = 2, ///< Short requests, with answers as long as reads.
};

/// Requests of one kind that were sent one after another at a moderate pace.
struct aoetarget_probe_series {
    uint64_t request_bytes; ///< If this and the next are 0, there was no such series.
    uint64_t answer_bytes;
    uint32_t sent;
    uint32_t answered;
    uint32_t duplicates; ///< Answers to a request that had been answered before.
    uint32_t reordered;  ///< Requests that were answered later than one that was sent after them.
    /// From sending a request to its answer. They are 0 if nothing was answered.
    int64_t min_ns;
    int64_t median_ns;
    int64_t p99_ns;
    int64_t max_ns;
};
/// Fills in how one series went; `series` is AOETARGET_SERIES_*, or the call fails with EINVAL. Since 0.1.
AOETARGET_API int aoetarget_get_probe_series(const aoetarget_probe_report* report, int32_t series,
                                             struct aoetarget_probe_series* out, size_t size);

struct aoetarget_probe_finding {
    int32_t severity;      ///< AOETARGET_SEVERITY_*
    const char* kind_name; ///< The name of the kind for programs: "path-mtu".
    /// A sentence or more with the cause and the cure. It may hold serial numbers as targets sent them.
    const char* text;
};
/// Fills in what the figures mean, one finding at a time. Since 0.1.
AOETARGET_API int aoetarget_get_probe_finding(const aoetarget_probe_report* report, size_t index,
                                              struct aoetarget_probe_finding* out, size_t size);

#endif
