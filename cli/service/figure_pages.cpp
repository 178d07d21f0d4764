// Finds the place where an answer begins, and ends it before it is too long.
#include "service/figure_pages.hpp"

#include "figures/stats_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <span>
#include <utility>

namespace cli {
namespace {

using aoetarget::ExportStats, aoetarget::InitiatorStats;
using nlohmann::json;

// Of 256 KiB, with every counter as long as it can be.
constexpr std::size_t exports_per_answer = 200;    // a kilobyte for each
constexpr std::size_t latencies_per_answer = 80;   // 3 kilobytes
constexpr std::size_t initiators_per_answer = 800; // 260 bytes

template <typename Item>
void add_page(json& reply, const char* key, std::span<const Item> rest, std::size_t most,
              json (*to_json)(const Item&)) {
    const auto page = rest.first(std::min(rest.size(), most));
    json listed = json::array();
    for (const Item& item : page)
        listed.push_back(to_json(item));
    reply[key] = std::move(listed);
    reply["more"] = page.size() < rest.size();
}

std::span<const ExportStats> behind(const std::optional<aoetarget::Address>& after,
                                    const std::vector<ExportStats>& exports) {
    if (!after)
        return exports;
    return {std::ranges::upper_bound(exports, *after, {}, &ExportStats::address), exports.end()};
}

InitiatorKey key_of(const InitiatorStats& initiator) {
    return {initiator.exported, initiator.initiator};
}

} // namespace

std::optional<aoetarget::Address> export_after(const json& request) {
    if (!request.contains("after"))
        return std::nullopt;
    return address_from_json(request, "after");
}

std::optional<InitiatorKey> initiator_after(const json& request) {
    const auto after = request.find("after");
    if (after == request.end())
        return std::nullopt;
    return InitiatorKey(address_from_json(*after, "export"), mac_from_json(*after, "initiator"));
}

void add_exports(json& reply, const aoetarget::Stats& stats, const std::optional<aoetarget::Address>& after) {
    add_page<ExportStats>(reply, "exports", behind(after, stats.exports), exports_per_answer, to_json);
}

void add_latencies(json& reply, const aoetarget::Stats& stats,
                   const std::optional<aoetarget::Address>& after) {
    add_page<ExportStats>(reply, "latencies", behind(after, stats.exports), latencies_per_answer,
                          latencies_to_json);
}

void add_initiators(json& reply, const aoetarget::Stats& stats, const std::optional<InitiatorKey>& after) {
    auto first = stats.initiators.begin();
    if (after)
        first = std::ranges::upper_bound(stats.initiators, *after, {}, key_of);
    add_page<InitiatorStats>(reply, "initiators", {first, stats.initiators.end()}, initiators_per_answer,
                             to_json);
}

} // namespace cli
