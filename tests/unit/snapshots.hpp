// Snapshots of a target for tests: small ones, and the largest that there can be.
#pragma once

#include "figures/counters.hpp"
#include "figures/snapshot.hpp"

#include <cstdint>
#include <limits>

namespace aoetest {

/// One export, one interface and one initiator, after `requests` reads of 8 sectors, each of which took
/// `time`.
inline cli::Snapshot snapshot_of_reads(unsigned seconds, std::uint64_t requests,
                                       std::chrono::nanoseconds time) {
    cli::Snapshot snapshot;
    snapshot.name = "lab";
    snapshot.version = "1.2.3";
    snapshot.process = 17;
    snapshot.start = 1000;
    snapshot.taken += std::chrono::seconds(seconds);
    snapshot.uptime = std::chrono::seconds(seconds);
    aoetarget::ExportStats exported;
    exported.address = {1, 1};
    exported.sectors = 8192;
    exported.reads = requests;
    exported.sectors_read = 8 * requests;
    for (std::uint64_t i = 0; i < requests; ++i)
        exported.latency[0].add(time);
    snapshot.stats.exports.push_back(exported);
    aoetarget::InterfaceStats interface;
    interface.name = "eth1";
    interface.up = true;
    interface.mtu = 1500;
    interface.rx_frames = interface.tx_frames = requests;
    snapshot.stats.interfaces.push_back(interface);
    aoetarget::InitiatorStats initiator;
    initiator.initiator = {{2, 0, 0, 0, 0, 1}};
    initiator.exported = {1, 1};
    initiator.requests[0] = requests;
    snapshot.stats.initiators.push_back(initiator);
    return snapshot;
}

/// Many exports and initiators with every number as long as it can be.
inline aoetarget::Stats largest_stats(unsigned exports, unsigned initiators) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    constexpr std::chrono::nanoseconds longest(123456789123456789);
    aoetarget::Stats stats;
    for (unsigned i = 0; i < exports; ++i) {
        aoetarget::ExportStats exported;
        exported.address = {static_cast<std::uint16_t>(60000 + i / 200), static_cast<std::uint8_t>(i % 200)};
        exported.serial = std::string(20, 'x');
        exported.sectors = exported.sectors_read = exported.sectors_written = most / 512;
        exported.state = aoetarget::ExportStats::State::refusing_writes;
        exported.since_change = longest;
        exported.oldest_request = longest;
        for (const auto& counter : cli::export_counters)
            exported.*counter.member = most;
        for (aoetarget::LatencyHistogram& histogram : exported.latency) {
            histogram.counts.fill(most);
            histogram.sum = longest;
        }
        stats.exports.push_back(exported);
    }
    for (unsigned i = 0; i < initiators; ++i) {
        aoetarget::InitiatorStats initiator;
        initiator.initiator = {{2, 0, 0, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}};
        initiator.exported = {65534, 254};
        initiator.requests.fill(most);
        initiator.repeats = most;
        initiator.last_seen = longest;
        stats.initiators.push_back(initiator);
    }
    return stats;
}

} // namespace aoetest
