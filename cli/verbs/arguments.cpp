// The settings of CLI11, and how its errors read.
#include "verbs/arguments.hpp"

#include "text.hpp"
#include "usage_error.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace cli {

bool parse_arguments(CLI::App& app, const Arguments& arguments) {
    app.set_help_flag("-h,--help");
    try {
        app.parse(Arguments(arguments.rbegin(), arguments.rend())); // CLI11 takes them from the back
    } catch (const CLI::CallForHelp&) {
        return false;
    } catch (const CLI::ParseError& error) {
        throw UsageError(fmt::format("{}: {}; see 'aoetarget {} --help'", app.get_name(),
                                     single_line(error.what()), app.get_name()));
    }
    return true;
}

} // namespace cli
