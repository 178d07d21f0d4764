// The arguments of `serve`, which `reload` reads once more.
#pragma once

#include "config/reader.hpp"
#include "verbs/arguments.hpp"
#include "verbs/target_choice.hpp"

#include <optional>
#include <string>

namespace cli {

struct ServeArguments {
    Sources sources; ///< without the files
    std::optional<std::string> file;
    TargetChoice choice;
};

/// Returns nothing if the arguments ask for help. Throws UsageError.
std::optional<ServeArguments> parse_serve_arguments(const Arguments& arguments);

} // namespace cli
