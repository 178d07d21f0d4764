// Finds the place where an answer begins, and ends it before it is too long.
#include "service/figure_pages.hpp"

#include "control/server.hpp"
#include "figures/stats_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <span>
#include <utility>

namespace cli {
namespace {

using aoetarget::ExportStats, aoetarget::InitiatorStats;
using nlohmann::json;

constexpr std::size_t page_bytes = max_control_bytes / 4 * 3; // and an item more

template <typename Item>
void add_page(json& reply, const char* key, std::span<const Item> rest,
              const std::function<json(const Item&)>& describe) {
    json listed = json::array();
    std::size_t bytes = text_of(reply).size(); // with many interfaces, there is less room for exports
    while (listed.size() < rest.size() && (listed.empty() || bytes < page_bytes)) {
        listed.push_back(describe(rest[listed.size()]));
        bytes += text_of(listed.back()).size();
    }
    reply["more"] = listed.size() < rest.size();
    reply[key] = std::move(listed);
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

void add_exports(json& reply, const aoetarget::Stats& stats, const std::optional<aoetarget::Address>& after,
                 const std::function<json(const ExportStats&)>& describe) {
    add_page<ExportStats>(reply, "exports", behind(after, stats.exports), describe);
}

void add_latencies(json& reply, const aoetarget::Stats& stats,
                   const std::optional<aoetarget::Address>& after) {
    add_page<ExportStats>(reply, "latencies", behind(after, stats.exports), latencies_to_json);
}

void add_initiators(json& reply, const aoetarget::Stats& stats, const std::optional<InitiatorKey>& after) {
    auto first = stats.initiators.begin();
    if (after)
        first = std::ranges::upper_bound(stats.initiators, *after, {}, key_of);
    add_page<InitiatorStats>(reply, "initiators", {first, stats.initiators.end()},
                             [](const InitiatorStats& initiator) { return to_json(initiator); });
}

} // namespace cli
