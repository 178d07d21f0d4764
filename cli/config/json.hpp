// Configurations and their entries as JSON, with the keys of a file. Only json.cpp includes all of nlohmann's
// library.
#pragma once

#include "config/configuration.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace cli {

// Each returns an object. Throws std::runtime_error as to_document() does.
nlohmann::json to_json(const Configuration& configuration);
nlohmann::json to_json(const InterfaceSpec& spec);
nlohmann::json to_json(const ExportSpec& spec);

// Each throws ConfigurationError with all that is wrong. A configuration is sorted; it may have faults
// (find_faults()): that of a target that runs may be empty.
Configuration configuration_from_json(const nlohmann::json& json);
InterfaceSpec interface_from_json(const nlohmann::json& json);
ExportSpec export_from_json(const nlohmann::json& json, const Hosts& hosts);

bool is_utf8(const std::string& text);

} // namespace cli
