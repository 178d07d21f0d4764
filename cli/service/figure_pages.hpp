// The figures of a target, cut into answers that fit a packet of the control socket.
#pragma once

#include <aoetarget/stats.hpp>

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <optional>
#include <utility>

namespace cli {

using InitiatorKey = std::pair<aoetarget::Address, aoetarget::MacAddress>; ///< In the order of their table.

// Each returns the item behind which a request wants to see the others ("after"), or nothing if it wants to
// see the first. Throws Failure, or an exception of nlohmann::json, if that is no such item.
std::optional<aoetarget::Address> export_after(const nlohmann::json& request);
std::optional<InitiatorKey> initiator_after(const nlohmann::json& request);

// Each adds the items behind `after` to `reply`, as many as fit an answer, and "more": whether there are
// others behind them. The figures are in the order of join() (joined_stats.hpp).
void add_exports(nlohmann::json& reply, const aoetarget::Stats& stats,
                 const std::optional<aoetarget::Address>& after,
                 const std::function<nlohmann::json(const aoetarget::ExportStats&)>& describe);
void add_latencies(nlohmann::json& reply, const aoetarget::Stats& stats,
                   const std::optional<aoetarget::Address>& after);
void add_initiators(nlohmann::json& reply, const aoetarget::Stats& stats,
                    const std::optional<InitiatorKey>& after);

} // namespace cli
