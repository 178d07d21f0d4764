// A workload, and its result.
#pragma once

#include "histogram.hpp"
#include "wire.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace bench {

enum class Order { sequential, random, mixed };
enum class Waiting { spin, sleep };

inline constexpr unsigned largest_window = 4096;

struct Workload {
    unsigned window = 16; // requests outstanding, over all exports together
    std::uint8_t sectors = 2;
    Order order = Order::sequential;
    unsigned read_percent = 100;
    bool verify = false;
    std::uint64_t span_sectors = 0; // use only the first so many sectors of each export; 0: all
    std::uint64_t seed = 1;
    double seconds = 5;
    double warmup_seconds = 0;
    std::uint64_t requests = 0; // end after so many; 0: by time only
    std::chrono::milliseconds timeout{200};
    // Looking less often makes batches, which cost this program less and take no locks from the target.
    std::chrono::microseconds coalesce{4};
    Waiting waiting = Waiting::spin;
    std::optional<pid_t> target_process;
    std::optional<unsigned> target_core;
};

struct Export {
    wire::Address address;
    wire::Mac mac;
    std::uint64_t sectors;
    std::uint16_t buffer_count;
    std::uint8_t max_sectors;
};

// Where a target's figures were asked for: its consumption over the counted time.
struct TargetUse {
    std::optional<std::uint64_t> cpu_ns;
    std::optional<std::uint64_t> peak_rss_kib;
    std::optional<std::uint64_t> core_busy_ns;
    std::optional<std::uint64_t> core_softirq_ns;
};

struct Result {
    double seconds = 0;
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
    Histogram latency_ns;
    std::uint64_t retransmits = 0;
    std::uint64_t stale = 0;  // answers to nothing outstanding, such as the second one after a retransmission
    std::uint64_t failed = 0; // answers with an AoE or ATA error, or too short
    std::uint64_t dropped = 0; // answers lost because this program was too slow
    double busy = 0;           // share of the time in which this program had something to do
    std::uint64_t verified_sectors = 0;
    std::uint64_t unwritten_sectors = 0; // read, but never written by this run, nor with its pattern
    std::uint64_t wrong_sectors = 0;
    std::string first_problem;
    TargetUse target;

    std::uint64_t requests() const { return reads + writes; }
};

} // namespace bench
