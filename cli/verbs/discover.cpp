// aoetarget discover: lists the targets that answer on a network.
#include "config/interface_spec.hpp"
#include "failure.hpp"
#include "usage_error.hpp"
#include "verbs/arguments.hpp"
#include "verbs/target_list.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

namespace cli {

const char* const discover_help =
    R"(Usage: aoetarget discover -i IF [--timeout SECONDS] [--json]

This command asks every AoE target on the network of an interface to identify itself, and lists the
targets that answer: address, MAC, sectors per frame, buffers, size, model and config string. If no
target answers, the exit code is 0 all the same. The command needs CAP_NET_RAW.

  -i, --interface IF    Ask on this network interface.
  --timeout SECONDS     Wait this long for answers; decimals are allowed. The default is 1, the
                        maximum 3600.
  --json                Print an array of objects instead of a table, with the members address,
                        shelf, slot, mac, sectors_per_frame, buffer_count, firmware_version,
                        config_string, sectors, model and serial. The last three are null if the
                        target did not tell them.
  -h, --help            Show this text.

In the texts that targets send, the output shows bytes that are not printable ASCII as \xNN, and a
backslash as \\.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 4 no permission, 5 there is no such
interface.

Examples:
  aoetarget discover -i eth0
  aoetarget discover -i eth0 --timeout 0.2 --json
)";

int discover(const Arguments& arguments) {
    constexpr double max_timeout = 3600;
    ArgumentParser parser("discover");
    std::string interface;
    double timeout = 1;
    bool json = false;
    parser.add_option("-i,--interface", interface);
    parser.add_option("--timeout", timeout);
    parser.add_flag("--json", json);
    if (!parser.parse(arguments)) {
        fmt::print("{}", discover_help);
        return 0;
    }
    if (!parser.has("--interface"))
        throw UsageError("there is no network interface to ask on; add -i IF ('ip -br link' lists the "
                         "interfaces of this machine)");
    check_interface_name(interface);
    if (!(timeout > 0 && timeout <= max_timeout))
        throw UsageError(fmt::format("--timeout cannot be '{}'; write seconds, more than 0 and at most {}",
                                     timeout, max_timeout));

    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(timeout));
    const auto targets = with_interface([&] { return aoetarget::discover(interface, wait); });
    fmt::print("{}", json ? target_json(targets) : target_table(targets));
    if (targets.empty())
        fmt::print(
            stderr,
            "aoetarget: {}: no target answered within {} s; check that one serves on this network (same "
            "VLAN, link up) and that its mask list has this machine; {}\n",
            interface, timeout, own_target_advice);
    return 0;
}

} // namespace cli
