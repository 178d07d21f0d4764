// Interfaces that got another name while they were served, and whose entries in the configuration follow.
#pragma once

#include "config/difference.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace cli {

/// The present name of each interface, by the name that its entry gives.
using PresentNames = std::map<std::string, std::string>;

/// Returns the entries that are added for an interface whose entry is removed, and these: the same interface
/// goes on under its other name. Calls `present` only if there are such entries at all.
std::map<std::string, std::string> renamed_interfaces(const std::vector<Change>& changes,
                                                      const std::function<PresentNames()>& present);

} // namespace cli
