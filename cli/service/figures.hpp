// The figures of a target as JSON, for the control socket.
#pragma once

#include <aoetarget/stats.hpp>

#include <nlohmann/json_fwd.hpp>

namespace cli {

// Each returns an object. Counters have the names of their members, with hyphens; sizes are in bytes.
nlohmann::json to_json(const aoetarget::InterfaceStats& interface);
nlohmann::json to_json(const aoetarget::ExportStats& exported);

} // namespace cli
