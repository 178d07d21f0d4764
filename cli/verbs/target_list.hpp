// The targets that were found, as text: a human-readable table, and JSON for programs.
#pragma once

#include <aoetarget/discover.hpp>

#include <nlohmann/json_fwd.hpp>

#include <span>
#include <string>
#include <string_view>

namespace cli {

/// Follows a message that no target answers.
inline constexpr std::string_view own_target_advice =
    "a target on this machine does not answer through the interface on which it serves: run the command on "
    "another machine";

/// Returns a line of titles and a line for each target, or an empty text if there is none.
std::string target_table(std::span<const aoetarget::DiscoveredTarget> targets);

/// Returns an array of objects. The members that come from IDENTIFY DEVICE are null if a target did not
/// answer it.
nlohmann::ordered_json targets_as_json(std::span<const aoetarget::DiscoveredTarget> targets);
/// Returns the same as text.
std::string target_json(std::span<const aoetarget::DiscoveredTarget> targets);

} // namespace cli
