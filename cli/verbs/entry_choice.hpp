// The interface or the export that a command is about.
#pragma once

#include "verbs/arguments.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace cli {

struct EntryChoice {
    /// One of them is given.
    std::optional<std::string> interface, exported;

    /// Adds -i and -e.
    void add_to(ArgumentParser& parser);
    /// Throws UsageError unless exactly one is given. `export_form` is what follows -e.
    void check(std::string_view verb, std::string_view export_form) const;
};

} // namespace cli
