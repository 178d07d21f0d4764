// aoetarget discover: which targets answer on a network?
#include "config/interface_spec.hpp"
#include "usage_error.hpp"
#include "verbs/arguments.hpp"
#include "verbs/target_list.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>

namespace cli {

const char* const discover_help =
    R"(Usage: aoetarget discover -i IF [--timeout SECONDS] [--json]

Asks every AoE target on the network of an interface who it is, and prints those that answer: address, MAC,
sectors per frame, buffers, size, model and config string. That none answers is no error: exit code 0.
Needs CAP_NET_RAW.

  -i, --interface IF    The network interface to ask on.
  --timeout SECONDS     How long to wait for answers, with decimals if you like. Default 1, at most 3600.
  --json                An array of objects instead of a table: address, shelf, slot, mac,
                        sectors_per_frame, buffer_count, firmware_version, config_string, sectors, model,
                        serial. The last three are null where a target did not tell.
  -h, --help            This text.

In all texts that targets send, bytes that are not printable ASCII are shown as \xNN, and a backslash as \\.

Examples:
  aoetarget discover -i eth0
  aoetarget discover -i eth0 --timeout 0.2 --json
)";

int discover(const Arguments& arguments) {
    constexpr double max_timeout = 3600;
    CLI::App app("", "discover");
    std::string interface;
    double timeout = 1;
    bool json = false;
    const auto* const interface_option = app.add_option("-i,--interface", interface);
    app.add_option("--timeout", timeout);
    app.add_flag("--json", json);
    if (!parse_arguments(app, arguments)) {
        fmt::print("{}", discover_help);
        return 0;
    }
    if (interface_option->empty())
        throw UsageError(
            "there is no network interface to ask on; add -i IF ('ip -br link' lists the interfaces of this "
            "machine)");
    check_interface_name(interface);
    if (!(timeout > 0 && timeout <= max_timeout))
        throw UsageError(fmt::format("--timeout cannot be '{}'; write seconds, more than 0 and at most {}",
                                     timeout, max_timeout));

    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(timeout));
    const auto targets = aoetarget::discover(interface, wait);
    fmt::print("{}", json ? target_json(targets) : target_table(targets));
    if (targets.empty())
        fmt::print(stderr,
                   "aoetarget: {}: no target answered within {} s; check that one serves on this network "
                   "(same VLAN, "
                   "link up) and that its mask list has this machine\n",
                   interface, timeout);
    return 0;
}

} // namespace cli
