// Parses vblade's command line, and translates it for serve.
#pragma once

#include "config/configuration.hpp"
#include "verbs/vblade_rival.hpp"
#include "verbs/verbs.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cli {

/// Returns nothing if the arguments ask for help. Throws UsageError.
std::optional<Configuration> parse_vblade(const Arguments& arguments);

/// Returns sentences about what a parsed configuration means for data.
std::vector<std::string> vblade_notes(const Configuration& configuration);

/// Returns the command line that serves the export of a parsed `configuration` on its interface and on
/// another one.
std::string serve_command(const Configuration& configuration, const std::string& other);

/// Returns what to do where the file of a parsed `configuration` is in use, perhaps by this process.
std::string advice_on_rival(const Configuration& configuration, const std::optional<VbladeRival>& rival);

} // namespace cli
