// All checks of a configuration, in their order.
#pragma once

#include "check/finding.hpp"
#include "config/configuration.hpp"

#include <string>

namespace cli {

struct CheckOptions {
    std::string control_path;         ///< Empty: no control socket.
    bool control_is_demanded = false; ///< Somebody has named the place of the socket.
    bool asks_network = true;
};

/// Looks at everything that `serve` would take, and changes nothing. Findings of one subject lie side by
/// side.
Findings check(const Configuration& configuration, const CheckOptions& options);

} // namespace cli
