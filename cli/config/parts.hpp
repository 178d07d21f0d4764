// Configurations as JSON in parts, because a packet of the control socket has a limited size.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <vector>

namespace cli {

/// Returns parts that are configurations themselves, of about so many bytes as a text, and at least one. No
/// entry is divided.
std::vector<nlohmann::json> split_configuration(const nlohmann::json& whole, std::size_t bytes);

/// Puts a part to those before it. Throws ConfigurationError if one of the two is no configuration.
void join_part(nlohmann::json& whole, const nlohmann::json& part);

} // namespace cli
