// What `check` says of a reload: what it would change of the target that runs.
#pragma once

#include "check/finding.hpp"
#include "config/configuration.hpp"
#include "config/renamed_interfaces.hpp"

namespace cli {

/// Compares what a target serves at present with what a reload would make of that. `names` are those that
/// its interfaces have now.
Findings judge_reload(const Configuration& present, const PresentNames& names, Configuration wanted);

} // namespace cli
