// An interface of a configuration, and the argument of -i: IF[,OPTION[=VALUE]]...
#pragma once

#include "config/option.hpp"

#include <aoetarget/options.hpp>

#include <string>
#include <string_view>

namespace cli {

/// Returns whether an entry of this name stands for all interfaces that match it.
inline bool is_pattern(const std::string& name) {
    return name.find_first_of("*?") != std::string::npos;
}

struct InterfaceSpec {
    std::string name;
    aoetarget::InterfaceOptions options;

    /// Whether the name stands for any number of interfaces.
    [[nodiscard]] bool is_pattern() const { return cli::is_pattern(name); }

    bool operator==(const InterfaceSpec&) const = default;
};

const OptionTable<InterfaceSpec>& interface_options();

/// Throws UsageError, as read_spec() does (scanner.hpp).
InterfaceSpec parse_interface_spec(std::string_view text);
/// Returns the argument of -i from which parse_interface_spec() reads this.
std::string to_argument(const InterfaceSpec& spec);

/// Throws UsageError for a name that no network interface can have. The library finds out whether an
/// interface has it.
void check_interface_name(std::string_view name);

} // namespace cli
