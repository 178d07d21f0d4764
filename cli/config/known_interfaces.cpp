// Looks plain names up, and matches patterns one by one.
#include "config/known_interfaces.hpp"

#include <algorithm>
#include <iterator>

#include <fnmatch.h>

namespace cli {
namespace {

bool matches(const std::string& pattern, const std::string& name) {
    return fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
}

} // namespace

KnownInterfaces::KnownInterfaces(const std::vector<InterfaceSpec>& interfaces) {
    for (const InterfaceSpec& interface : interfaces) {
        if (interface.is_pattern())
            patterns_.push_back(interface.name);
        else
            names_.insert(interface.name);
    }
}

std::vector<std::string> KnownInterfaces::names_for(const std::string& wanted) const {
    std::vector<std::string> found;
    if (names_.contains(wanted))
        found.push_back(wanted);
    else if (wanted.find_first_of("*?[") != std::string::npos)
        std::ranges::copy_if(names_, std::back_inserter(found),
                             [&](const std::string& name) { return matches(wanted, name); });
    std::ranges::copy_if(patterns_, std::back_inserter(found), [&](const std::string& pattern) {
        return matches(pattern, wanted) || matches(wanted, pattern);
    });
    return found;
}

} // namespace cli
