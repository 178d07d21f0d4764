// The argument of -i: IF[,OPTION=VALUE]...
#pragma once

#include <aoetarget/target.hpp>

#include <string>
#include <string_view>

namespace cli {

/// One interface as the command line asks for it.
struct InterfaceSpec {
    std::string name;
    aoetarget::InterfaceOptions options;

    bool operator==(const InterfaceSpec&) const = default;
};

/// Throws UsageError (scanner.hpp).
InterfaceSpec parse_interface_spec(std::string_view text);

/// Throws UsageError for a name that no network interface can have. The library finds out whether an
/// interface has it.
void check_interface_name(std::string_view name);

} // namespace cli
