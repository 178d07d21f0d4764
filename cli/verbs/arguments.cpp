#include "verbs/arguments.hpp"

#include "text.hpp"
#include "usage_error.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>

#include <net/if.h>

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

void check_interface_name(std::string_view name) {
    const bool strange = std::ranges::any_of(
        name, [](char c) { return c == '/' || static_cast<unsigned char>(c) <= ' ' || c == '\x7F'; });
    if (!name.empty() && name.size() < IFNAMSIZ && !strange)
        return;
    throw UsageError(
        fmt::format("interface '{}': no network interface can have this name (1 to {} characters, no "
                    "spaces or slashes); list those of this machine with 'ip -br link'",
                    printable(name), IFNAMSIZ - 1));
}

} // namespace cli
