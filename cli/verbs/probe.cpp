// aoetarget probe: tests the path to a target.
#include "config/interface_spec.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "text.hpp"
#include "usage_error.hpp"
#include "verbs/arguments.hpp"
#include "verbs/probe_text.hpp"
#include "verbs/target_list.hpp"

#include <aoetarget/probe.hpp>

#include <fmt/format.h>

namespace cli {

const char* const probe_help =
    R"(Usage: aoetarget probe -i IF SHELF.SLOT [--json]

This command tests the path from this machine to an AoE target of any make: who answers for the
address, the longest frames that get through in either direction, loss, latency, duplicates and
answers out of order. It says what is wrong with the path and what to change. It only reads, sends
at most a thousand frames in a second, and takes 2 seconds, up to 10 if frames get lost. It needs
CAP_NET_RAW.

  SHELF.SLOT            The address of the target: SHELF is 0 to 65534, SLOT is 0 to 254.
  -i, --interface IF    Probe from this network interface.
  --json                Print an object instead of text. Lengths are in bytes and include the 14 of
                        the Ethernet header; latencies are in microseconds; what was not measured
                        is null. In "findings", severity is error, warning or notice.
  -h, --help            Show this text.

Reads and padded requests find the lengths: a request with bytes behind it, which targets ignore,
shows what reaches the target, and a read shows what comes back. A target that drops such padded
requests is named. In the texts that targets send, the output shows bytes that are not printable
ASCII as \xNN, and a backslash as \\.

The exit code is 0 if initiators can work over this path, even if slowly (warnings), 1 if a fault
keeps them from it (errors) or the probe failed, 2 if the command line is wrong, 4 without the
permission, and 5 if no target answers for the address or there is no such interface.

Examples:
  aoetarget probe -i eth0 1.1
  aoetarget probe -i eth0 e7.0 --json
)";

namespace {

aoetarget::Address parse_target(const std::string& text) {
    const auto address = aoetarget::Address::parse(text);
    if (!address)
        throw UsageError(
            fmt::format("probe: '{}' is not the address of one target; write SHELF.SLOT, like 1.1: "
                        "the shelf is 0 to {} and the slot 0 to {} (65535 and 255 mean all)",
                        printable(text), aoetarget::Address::max_shelf, aoetarget::Address::max_slot));
    return *address;
}

} // namespace

int probe(const Arguments& arguments) {
    ArgumentParser parser("probe");
    std::string interface, target;
    bool json = false;
    parser.add_option("-i,--interface", interface);
    parser.add_operand("SHELF.SLOT", target);
    parser.add_flag("--json", json);
    if (!parser.parse(arguments)) {
        fmt::print("{}", probe_help);
        return 0;
    }
    if (!parser.has("--interface"))
        throw UsageError("there is no network interface to probe from; add -i IF ('ip -br link' lists the "
                         "interfaces of this machine)");
    check_interface_name(interface);
    const aoetarget::Address address = parse_target(target);

    const auto report = with_interface([&] { return aoetarget::probe(interface, address); });
    fmt::print("{}", json ? probe_json(report) : probe_text(report));
    if (report.targets.empty()) {
        fmt::print(stderr, "aoetarget: {}: {}\n", interface, own_target_advice);
        return exit_not_found;
    }
    return report.severity() == aoetarget::Severity::error ? exit_failed : 0;
}

} // namespace cli
