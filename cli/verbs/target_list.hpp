// The targets that were found, as text: a table for people, JSON for programs.
#pragma once

#include <aoetarget/discover.hpp>

#include <span>
#include <string>

namespace cli {

/// A line of titles and a line for each target; empty if there is none.
std::string target_table(std::span<const aoetarget::DiscoveredTarget> targets);

/// An array of objects. The members that IDENTIFY DEVICE tells are null if a target did not answer it.
std::string target_json(std::span<const aoetarget::DiscoveredTarget> targets);

} // namespace cli
