// Reads vblade's own command line.
#pragma once

#include "config/configuration.hpp"
#include "verbs/verbs.hpp"

#include <optional>

namespace cli {

/// Empty if the arguments ask for help. Throws UsageError.
std::optional<Configuration> parse_vblade(const Arguments& arguments);

} // namespace cli
