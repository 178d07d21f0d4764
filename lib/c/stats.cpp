// The counters of a target.
#include "c/structs.hpp"
#include "c/target.hpp"

#include <aoetarget-c/stats.h>

#include <algorithm>
#include <limits>
#include <memory>

struct aoetarget_stats {
    aoetarget::Stats all;
};

namespace {

using namespace aoetarget::c_interface;
using aoetarget::LatencyHistogram;
using State = aoetarget::ExportStats::State;

static_assert(LatencyHistogram::bounds.size() + 1 == AOETARGET_LATENCY_BUCKETS);
static_assert(aoetarget::request_kinds == AOETARGET_REQUEST_KINDS);
static_assert(AOETARGET_REQUEST_OTHER == static_cast<int>(aoetarget::RequestKind::other));

constexpr const char* no_stats = "there is no snapshot; pass what aoetarget_take_stats() has returned";

int number_of(State state) {
    switch (state) {
    case State::ok:
        return AOETARGET_EXPORT_OK;
    case State::failing:
        return AOETARGET_EXPORT_FAILING;
    case State::refusing_writes:
        return AOETARGET_EXPORT_REFUSING_WRITES;
    case State::vanished:
        return AOETARGET_EXPORT_VANISHED;
    case State::conflict:
        return AOETARGET_EXPORT_CONFLICT;
    }
    return AOETARGET_EXPORT_OK;
}

aoetarget_interface_stats counters(const aoetarget::InterfaceStats& from) {
    aoetarget_interface_stats to{};
    to.name = from.name.c_str();
    to.entry = from.entry.c_str();
    to.link = from.link.c_str();
    to.passes_by = from.passes_by.c_str();
    to.filters_broadcasts = from.filters_broadcasts.c_str();
    to.port_of = from.port_of.c_str();
    to.since_change_ns = from.since_change.count();
    to.mtu = from.mtu;
    to.sectors_per_frame = from.sectors_per_frame;
    to.buffers = from.buffers;
    to.buffers_bound = from.buffers_bound.c_str();
    to.absent = from.present ? 0 : 1;
    std::ranges::copy(from.mac.bytes, to.mac);
    to.up = from.up ? 1 : 0;
    to.rx_frames = from.rx_frames;
    to.rx_dropped = from.rx_dropped;
    to.rx_oversized = from.rx_oversized;
    to.rx_starved = from.rx_starved;
    to.rx_ignored = from.rx_ignored;
    to.tx_frames = from.tx_frames;
    to.tx_errors = from.tx_errors;
    to.tx_retries = from.tx_retries;
    return to;
}

aoetarget_export_stats counters(const aoetarget::ExportStats& from) {
    aoetarget_export_stats to{};
    to.serial = from.serial.c_str();
    to.shelf = from.address.shelf;
    to.slot = from.address.slot;
    to.state = number_of(from.state);
    to.sectors = from.sectors;
    to.since_change_ns = from.since_change.count();
    to.oldest_request_ns = from.oldest_request ? from.oldest_request->count() : -1;
    to.reads = from.reads;
    to.writes = from.writes;
    to.sectors_read = from.sectors_read;
    to.sectors_written = from.sectors_written;
    to.flushes = from.flushes;
    to.discards = from.discards;
    to.other_commands = from.other_commands;
    to.device_operations = from.device_operations;
    to.read_ahead = from.read_ahead;
    to.duplicates = from.duplicates;
    to.ordered = from.ordered;
    to.patched = from.patched;
    to.ata_errors = from.ata_errors;
    to.aoe_errors = from.aoe_errors;
    to.flush_errors = from.flush_errors;
    to.dropped = from.dropped;
    to.overload = from.overload;
    to.crowding = from.crowding;
    to.stale = from.stale;
    to.in_flight = from.in_flight;
    return to;
}

aoetarget_initiator_stats counters(const aoetarget::InitiatorStats& from) {
    aoetarget_initiator_stats to{};
    std::ranges::copy(from.initiator.bytes, to.initiator);
    to.shelf = from.exported.shelf;
    to.slot = from.exported.slot;
    to.last_seen_ns = from.last_seen.count();
    to.repeats = from.repeats;
    std::ranges::copy(from.requests, to.requests);
    return to;
}

template <typename Entry, typename Struct>
int fill_entry(const aoetarget_stats* stats, std::vector<Entry> aoetarget::Stats::*list, std::size_t index,
               Struct* out, std::size_t size) noexcept {
    return guarded(
        [&] { return fill(out, size, counters(entry_of(needed(stats, no_stats).all.*list, index))); });
}

} // namespace

aoetarget_stats* aoetarget_take_stats(aoetarget_target* target) {
    return pointer_on_its_thread(target, [](aoetarget::Target& it) {
        auto stats = std::make_unique<aoetarget_stats>();
        stats->all = it.stats();
        return stats.release();
    });
}

void aoetarget_destroy_stats(aoetarget_stats* stats) {
    delete stats;
}

int aoetarget_stats_totals(const aoetarget_stats* stats, aoetarget_totals* out, size_t size) {
    return guarded([&] {
        const aoetarget::Stats& from = needed(stats, no_stats).all;
        aoetarget_totals to{};
        to.interfaces = from.interfaces.size();
        to.waited_for = from.waited_for.size();
        to.exports = from.exports.size();
        to.initiators = from.initiators.size();
        to.failed_last_flushes = from.failed_last_flushes;
        to.out_of_slots = from.out_of_slots;
        return fill(out, size, to);
    });
}

int aoetarget_stats_interface(const aoetarget_stats* stats, size_t index, aoetarget_interface_stats* out,
                              size_t size) {
    return fill_entry(stats, &aoetarget::Stats::interfaces, index, out, size);
}

const char* aoetarget_stats_waited_for(const aoetarget_stats* stats, size_t index) {
    return guarded_pointer([&] { return entry_of(needed(stats, no_stats).all.waited_for, index).c_str(); });
}

int aoetarget_stats_export(const aoetarget_stats* stats, size_t index, aoetarget_export_stats* out,
                           size_t size) {
    return fill_entry(stats, &aoetarget::Stats::exports, index, out, size);
}

int aoetarget_stats_latency(const aoetarget_stats* stats, size_t index, int32_t kind, aoetarget_latency* out,
                            size_t size) {
    return guarded([&] {
        const aoetarget::ExportStats& from = entry_of(needed(stats, no_stats).all.exports, index);
        if (kind < 0 || kind >= AOETARGET_REQUEST_KINDS)
            refuse(EINVAL, "there is no such kind of requests; pass AOETARGET_REQUEST_READ or another one");
        const LatencyHistogram& histogram = from.latency[static_cast<std::size_t>(kind)];
        aoetarget_latency to{};
        to.sum_ns = histogram.sum.count();
        std::ranges::copy(histogram.counts, to.counts);
        return fill(out, size, to);
    });
}

int64_t aoetarget_latency_bound_ns(size_t bucket) {
    return bucket < LatencyHistogram::bounds.size() ? LatencyHistogram::bounds[bucket]
                                                    : std::numeric_limits<int64_t>::max();
}

int aoetarget_stats_initiator(const aoetarget_stats* stats, size_t index, aoetarget_initiator_stats* out,
                              size_t size) {
    return fill_entry(stats, &aoetarget::Stats::initiators, index, out, size);
}
