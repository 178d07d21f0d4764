// The difference of two snapshots: what happened in a second of the time between them, and how long it took.
#pragma once

#include "figures/snapshot.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace cli {

/// How long requests took. A histogram tells only between which bounds each of them lies, so these are bounds
/// too: so large a part of the requests took no longer.
struct Percentiles {
    /// Stands for requests that took longer than the largest bound of a histogram.
    static constexpr std::chrono::nanoseconds beyond = std::chrono::nanoseconds::max();

    // Nothing, if there was no request.
    std::optional<std::chrono::nanoseconds> p50;
    std::optional<std::chrono::nanoseconds> p99;
};

Percentiles percentiles_of(const aoetarget::LatencyHistogram& histogram);

/// Each rate is per second.
struct ExportRates {
    aoetarget::ExportStats now;
    double reads = 0, writes = 0, others = 0;
    double bytes_read = 0, bytes_written = 0;
    Percentiles read, write;

    [[nodiscard]] double requests() const { return reads + writes + others; }
    [[nodiscard]] double bytes() const { return bytes_read + bytes_written; }
};

struct InterfaceRates {
    aoetarget::InterfaceStats now;
    double received = 0, sent = 0;
    double lost = 0; ///< Frames that the kernel dropped or the interface did not send.

    [[nodiscard]] double frames() const { return received + sent; }
};

struct InitiatorRates {
    aoetarget::InitiatorStats now;
    double reads = 0, writes = 0, others = 0;
    double repeats = 0;

    [[nodiscard]] double requests() const { return reads + writes + others; }
};

struct Rates {
    std::chrono::duration<double> period{};
    std::vector<ExportRates> exports;
    std::vector<InterfaceRates> interfaces;
    std::vector<InitiatorRates> initiators;
};

/// What `before` does not have, or what was counted anew since, counts from zero. If they are not of one
/// process, the time is that since the start of the later one.
Rates rates_between(const Snapshot& before, const Snapshot& now);

/// The averages since the target's start.
Rates rates_since_start(const Snapshot& now);

} // namespace cli
