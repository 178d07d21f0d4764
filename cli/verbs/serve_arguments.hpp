// The arguments of `serve`, which `check` and `reload` read too.
#pragma once

#include "config/reader.hpp"
#include "verbs/arguments.hpp"
#include "verbs/target_choice.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cli {

struct ServeArguments {
    Sources sources; ///< without the files
    std::optional<std::string> file;
    TargetChoice choice;
};

/// Flags that a verb has in addition, and where they go.
using ExtraFlags = std::vector<std::pair<std::string, bool*>>;

/// Returns nothing if the arguments ask for help. Throws UsageError.
std::optional<ServeArguments> parse_serve_arguments(const Arguments& arguments,
                                                    const std::string& verb = "serve",
                                                    const ExtraFlags& flags = {});

/// Returns what these arguments, their files and the service manager say. Throws as read_configuration()
/// does.
Configuration read_serve_configuration(const ServeArguments& given);

} // namespace cli
