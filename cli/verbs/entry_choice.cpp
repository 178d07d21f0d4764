// -i and -e.
#include "verbs/entry_choice.hpp"

#include "usage_error.hpp"

#include <fmt/format.h>

namespace cli {

void EntryChoice::add_to(ArgumentParser& parser) {
    parser.add_option("-i,--interface", interface);
    parser.add_option("-e,--export", exported);
}

void EntryChoice::check(std::string_view verb, std::string_view export_form) const {
    if (interface.has_value() == exported.has_value())
        throw UsageError(
            fmt::format("{} takes one interface or one export; write -i IF or -e {}", verb, export_form));
}

} // namespace cli
