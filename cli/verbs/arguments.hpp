// What every verb does with CLI11.
#pragma once

#include "verbs/verbs.hpp"

#include <string_view>

namespace CLI {
class App;
}

namespace cli {

/// Fills the variables bound to `app`, whose name is the verb's. Returns false where help was asked for.
/// Throws UsageError.
bool parse_arguments(CLI::App& app, const Arguments& arguments);

/// Refuses what no network interface can be called. Whether there is one of this name, the library finds out.
void check_interface_name(std::string_view name);

} // namespace cli
