// What the status of a target tells of its interfaces.
#pragma once

#include "config/renamed_interfaces.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace cli {

struct PresentInterfaces {
    PresentNames names;
    std::vector<std::string> over_xdp; ///< The names of those that it serves so.
};

/// `status` is the answer of a target to "status".
PresentInterfaces present_interfaces(const nlohmann::json& status);

} // namespace cli
