// Serves as a configuration says: the common part of `serve` and `vblade`.
#pragma once

#include "config/configuration.hpp"

namespace cli {

/// Opens everything, reports on standard error, then serves until a signal ends it. Returns the exit code.
/// Throws std::system_error.
int run_service(const Configuration& configuration);

} // namespace cli
