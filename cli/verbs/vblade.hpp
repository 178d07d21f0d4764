// vblade's own command line, read.
#pragma once

#include "service/service.hpp"
#include "verbs/verbs.hpp"

#include <optional>

namespace cli {

/// Empty where help was asked for. Throws UsageError.
std::optional<Service> parse_vblade(const Arguments& arguments);

} // namespace cli
