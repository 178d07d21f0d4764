// Looks for targets on a network.
#pragma once

#include <aoetarget/discover.hpp>

namespace aoetarget::initiator {

/// As aoetarget::discover() does, but asks only targets of this address, whose parts may be wildcards.
std::vector<DiscoveredTarget> discover(const std::string& interface, const Address& address,
                                       std::chrono::milliseconds timeout);

} // namespace aoetarget::initiator
