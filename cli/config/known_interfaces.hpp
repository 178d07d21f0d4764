// Finds the interfaces that an export names, quickly even if there are many.
#pragma once

#include "config/interface_spec.hpp"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace cli {

class KnownInterfaces {
  public:
    explicit KnownInterfaces(const std::vector<InterfaceSpec>& interfaces);

    /// Returns the names of those that may be meant. Both sides may have patterns.
    [[nodiscard]] std::vector<std::string> names_for(const std::string& wanted) const;

  private:
    std::set<std::string, std::less<>> names_;
    std::vector<std::string> patterns_;
};

} // namespace cli
