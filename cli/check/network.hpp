// What `check` says of other targets on the network.
#pragma once

#include "check/finding.hpp"
#include "config/export_spec.hpp"

#include <aoetarget/discover.hpp>

#include <string>
#include <vector>

namespace cli {

/// Returns the MAC addresses of the interfaces of this machine.
std::vector<aoetarget::MacAddress> own_macs();

struct OwnMachine {
    std::vector<aoetarget::MacAddress> macs; ///< What own_macs() returns.
    /// Whether a target of this machine may be the one that is to be replaced.
    bool may_have_predecessor = false;
};

/// Judges the targets that answer on the network of an interface.
Findings judge_network(const std::string& interface, const std::vector<ExportSpec>& exports,
                       const std::vector<aoetarget::DiscoveredTarget>& targets, const OwnMachine& own);

} // namespace cli
