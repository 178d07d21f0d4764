// Adds up counters, and puts the rest side by side.
#include "service/joined_stats.hpp"

#include "figures/counters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace cli {
namespace {

using aoetarget::InterfaceStats, aoetarget::Stats;

/// Only some threads may know an interface that comes or goes at this moment. Each has a link of its own.
InterfaceStats join(const std::vector<Stats>& threads, const InterfaceStats& first) {
    InterfaceStats joined = first;
    for (const auto& counter : interface_counters)
        joined.*counter.member = 0;
    std::string links;
    for (std::size_t i = 0; i < threads.size(); ++i) {
        const auto found = std::ranges::find(threads[i].interfaces, first.name, &InterfaceStats::name);
        if (found == threads[i].interfaces.end())
            continue;
        links += fmt::format("{}thread {}: {}", links.empty() ? "" : ", ", i + 1, found->link);
        for (const auto& counter : interface_counters)
            joined.*counter.member += (*found).*counter.member;
    }
    joined.link = links;
    return joined;
}

Stats put_together(const std::vector<Stats>& threads) {
    if (threads.size() == 1)
        return threads.front();
    Stats joined;
    joined.waited_for = threads.front().waited_for;
    for (const InterfaceStats& interface : threads.front().interfaces)
        joined.interfaces.push_back(join(threads, interface));
    for (const Stats& stats : threads) {
        joined.exports.insert(joined.exports.end(), stats.exports.begin(), stats.exports.end());
        joined.initiators.insert(joined.initiators.end(), stats.initiators.begin(), stats.initiators.end());
        joined.failed_last_flushes += stats.failed_last_flushes;
        joined.out_of_slots += stats.out_of_slots;
    }
    return joined;
}

} // namespace

Stats join(const std::vector<Stats>& threads) {
    Stats joined = put_together(threads);
    std::ranges::sort(joined.exports, {}, &aoetarget::ExportStats::address);
    std::ranges::sort(joined.initiators, {}, [](const aoetarget::InitiatorStats& initiator) {
        return std::pair(initiator.exported, initiator.initiator);
    });
    return joined;
}

bool is_over_xdp(std::string_view link) {
    return link.starts_with("xdp ") ||
           (link.starts_with("thread ") && link.find(": xdp ") != std::string_view::npos);
}

} // namespace cli
