// The figures of a target as JSON, for the control socket: the target writes it, and commands read it.
#pragma once

#include <aoetarget/stats.hpp>

#include <nlohmann/json_fwd.hpp>

namespace cli {

// Each returns an object. Counters have the names of their members, with hyphens; sizes are in bytes and
// times in seconds.
nlohmann::json to_json(const aoetarget::InterfaceStats& interface);
nlohmann::json to_json(const aoetarget::ExportStats& exported); ///< Without its latencies.
nlohmann::json to_json(const aoetarget::InitiatorStats& initiator);
/// Has the export's address, and a histogram for each kind of request that there has been.
nlohmann::json latencies_to_json(const aoetarget::ExportStats& exported);

// The other way round. Each throws an exception of nlohmann::json, or Failure, if that is not what the
// functions above make.
aoetarget::InterfaceStats interface_stats_from_json(const nlohmann::json& object);
aoetarget::ExportStats export_stats_from_json(const nlohmann::json& object);
aoetarget::InitiatorStats initiator_stats_from_json(const nlohmann::json& object);
/// Sets the latencies of the export that the object names, if it is among `exports`, which are in the order
/// of their addresses.
void take_latencies(const nlohmann::json& object, std::vector<aoetarget::ExportStats>& exports);

/// Reads a member that is the address of an export. Throws Failure if it is something else.
aoetarget::Address address_from_json(const nlohmann::json& object, const char* key);
/// Reads a member that is the address of an initiator. Throws Failure if it is something else.
aoetarget::MacAddress mac_from_json(const nlohmann::json& object, const char* key);

} // namespace cli
