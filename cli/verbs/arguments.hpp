// How every verb uses CLI11.
#pragma once

#include "verbs/verbs.hpp"

namespace CLI {
class App;
}

namespace cli {

/// Fills the variables bound to `app`, whose name is the verb's. Returns false if the arguments ask for help.
/// Throws UsageError.
bool parse_arguments(CLI::App& app, const Arguments& arguments);

} // namespace cli
