// Finds what belongs together in two snapshots, and divides by the time.
#include "figures/rates.hpp"

#include "figures/counters.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace cli {
namespace {

using aoetarget::ExportStats, aoetarget::InitiatorStats, aoetarget::InterfaceStats,
    aoetarget::LatencyHistogram, aoetarget::RequestKind;

/// A counter that fell began anew.
std::uint64_t growth(std::uint64_t before, std::uint64_t now) {
    return now >= before ? now - before : now;
}

/// Returns the bound below which this part of all requests lie.
std::chrono::nanoseconds bound_of(const LatencyHistogram& histogram, std::uint64_t count, double part) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < LatencyHistogram::bounds.size(); ++i) {
        below += histogram.counts[i];
        if (static_cast<double>(below) >= part * static_cast<double>(count))
            return std::chrono::nanoseconds(LatencyHistogram::bounds[i]);
    }
    return Percentiles::beyond;
}

LatencyHistogram difference(const LatencyHistogram& before, const LatencyHistogram& now) {
    LatencyHistogram between;
    for (std::size_t i = 0; i < now.counts.size(); ++i)
        between.counts[i] = growth(before.counts[i], now.counts[i]);
    return between;
}

/// Makes rates of counters that grew over a period.
class Meter {
  public:
    explicit Meter(std::chrono::duration<double> period)
        : seconds_(std::max(period.count(), shortest_period)) {}

    [[nodiscard]] double operator()(std::uint64_t before, std::uint64_t now) const {
        return static_cast<double>(growth(before, now)) / seconds_;
    }

  private:
    static constexpr double shortest_period = 1e-3;
    double seconds_;
};

ExportRates rates_of(const ExportStats& before, const ExportStats& now, const Meter& rate) {
    const auto others = [](const ExportStats& exported) {
        return exported.flushes + exported.discards + exported.other_commands;
    };
    const auto percentiles = [&](RequestKind kind) {
        return percentiles_of(difference(of_kind(before.latency, kind), of_kind(now.latency, kind)));
    };
    return {
        .now = now,
        .reads = rate(before.reads, now.reads),
        .writes = rate(before.writes, now.writes),
        .others = rate(others(before), others(now)),
        .bytes_read = rate(before.sectors_read, now.sectors_read) * aoetarget::sector_bytes,
        .bytes_written = rate(before.sectors_written, now.sectors_written) * aoetarget::sector_bytes,
        .read = percentiles(RequestKind::read),
        .write = percentiles(RequestKind::write),
    };
}

InterfaceRates rates_of(const InterfaceStats& before, const InterfaceStats& now, const Meter& rate) {
    return {
        .now = now,
        .received = rate(before.rx_frames, now.rx_frames),
        .sent = rate(before.tx_frames, now.tx_frames),
        .lost = rate(before.rx_dropped, now.rx_dropped) + rate(before.tx_errors, now.tx_errors),
    };
}

InitiatorRates rates_of(const InitiatorStats& before, const InitiatorStats& now, const Meter& rate) {
    const auto kind = [&](RequestKind one) {
        return rate(of_kind(before.requests, one), of_kind(now.requests, one));
    };
    return {
        .now = now,
        .reads = kind(RequestKind::read),
        .writes = kind(RequestKind::write),
        .others = kind(RequestKind::flush) + kind(RequestKind::discard) + kind(RequestKind::other),
        .repeats = rate(before.repeats, now.repeats),
    };
}

/// Calls `use` for each item of `now`, with the one of `before` that has the same key, or with an empty one.
template <typename Item, typename KeyOf, typename Use>
void for_each_pair(const std::vector<Item>& before, const std::vector<Item>& now, KeyOf key_of, Use use) {
    std::map<decltype(key_of(now.front())), const Item*> by_key;
    for (const Item& item : before)
        by_key.emplace(key_of(item), &item);
    for (const Item& item : now) {
        const auto found = by_key.find(key_of(item));
        use(found == by_key.end() ? Item() : *found->second, item);
    }
}

} // namespace

Percentiles percentiles_of(const LatencyHistogram& histogram) {
    const std::uint64_t count = histogram.count();
    if (count == 0)
        return {};
    return {.p50 = bound_of(histogram, count, 0.5), .p99 = bound_of(histogram, count, 0.99)};
}

Rates rates_between(const Snapshot& before, const Snapshot& now) {
    if (before.process != now.process || before.start != now.start)
        return rates_since_start(now);
    Rates rates{.period = now.taken - before.taken, .exports = {}, .interfaces = {}, .initiators = {}};
    const Meter rate(rates.period);
    for_each_pair(
        before.stats.exports, now.stats.exports, [](const ExportStats& item) { return item.address; },
        [&](const ExportStats& a, const ExportStats& b) { rates.exports.push_back(rates_of(a, b, rate)); });
    for_each_pair(
        before.stats.interfaces, now.stats.interfaces, [](const InterfaceStats& item) { return item.name; },
        [&](const InterfaceStats& a, const InterfaceStats& b) {
            rates.interfaces.push_back(rates_of(a, b, rate));
        });
    for_each_pair(
        before.stats.initiators, now.stats.initiators,
        [](const InitiatorStats& item) { return std::pair(item.exported, item.initiator); },
        [&](const InitiatorStats& a, const InitiatorStats& b) {
            rates.initiators.push_back(rates_of(a, b, rate));
        });
    return rates;
}

Rates rates_since_start(const Snapshot& now) {
    Snapshot beginning;
    beginning.process = now.process;
    beginning.start = now.start;
    beginning.taken = now.taken - std::chrono::duration_cast<std::chrono::steady_clock::duration>(now.uptime);
    return rates_between(beginning, now);
}

} // namespace cli
