// Serves as a configuration says: the common part of `serve` and `vblade`.
#pragma once

#include "config/configuration.hpp"

#include <string>
#include <vector>

namespace cli {

/// Where a target can be controlled.
struct ControlPlace {
    std::string name = {}; ///< of the target
    /// The path of the control socket; empty for none.
    std::string path = {};
    /// Without the socket the target does not start. Otherwise it does, and says so.
    bool is_demanded = false;
    /// What was asked of `serve`, for those who ask later: its configuration file, or an empty text, and its
    /// arguments.
    std::string file = {};
    std::vector<std::string> arguments = {};
    /// Where relative paths of both begin.
    std::string folder = {};
};

/// Opens everything, reports on standard error with `notes`, which are sentences, then serves until a signal
/// ends it. Returns the exit code. Throws StartError (refusals.hpp) if
/// an export or an interface cannot be opened, and Failure and std::system_error.
int run_service(const Configuration& configuration, const std::vector<std::string>& notes,
                const ControlPlace& control);

} // namespace cli
