// The configuration of a target that runs, in both directions. It may be longer than a packet.
#pragma once

#include "config/configuration.hpp"
#include "control/client.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace cli {

struct WhatRuns {
    Configuration configuration;
    std::string file;                   ///< Of serve, or empty.
    std::vector<std::string> arguments; ///< Of serve.
    std::string folder;                 ///< Where relative paths in these begin.
};

// Each throws as ControlClient::ask() does.
WhatRuns ask_what_runs(ControlClient& client);
/// Returns the answer.
nlohmann::json ask_for_reload(ControlClient& client, const Configuration& wanted, bool is_partial);

} // namespace cli
