// The rules of lib/protocol/README.md, "Building an answer" that hold for every frame a target sends. The
// client applies them to each reply it sees, so that no test has to remember them.
#pragma once

#include "wire.hpp"

#include <string>
#include <vector>

namespace aoetest {

// What is wrong with a reply to `request` (complete, as sent); empty when nothing is.
std::vector<std::string> broken_rules(const Reply& reply, const Request& request);

// What is wrong with an advertisement (lib/protocol/README.md, "Advertisements").
std::vector<std::string> broken_advertisement_rules(const Reply& reply);

} // namespace aoetest
