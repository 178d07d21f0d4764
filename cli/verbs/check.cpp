// aoetarget check: what `serve` would do, and what speaks against it.
#include "check/check.hpp"
#include "usage_error.hpp"
#include "verbs/serve_arguments.hpp"
#include "verbs/verbs.hpp"

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <string>

namespace cli {

const char* const check_help =
    R"(Usage: aoetarget check [-c FILE] [-i IF[,OPTION[=VALUE]]...]...
                       [-e SHELF.SLOT=PATH[,OPTION[=VALUE]]...]... [--offline] [--json]

This command takes the arguments of 'aoetarget serve', and tells what that would do and what speaks
against it, with the measured numbers and the cure. It opens nothing for writing and changes
nothing. It looks at

- each interface: whether it is there, up, or a port of another one; its MTU and the sectors in a
  frame; the receive buffer that it gets; AF_XDP, or why not; queueing disciplines and filters;
- each export: size and blocks, who else uses the file or disk and the command that frees it, the
  space below sparse files, write caches of disks, names that may change;
- the process: io_uring, capabilities, memory, threads, the state directory, the control socket;
- the networks: whether other targets answer for the same addresses. For this it broadcasts the
  question with which 'aoetarget discover' looks for targets, and 'aoetarget serve' at its start,
  and asks each target that answers for its disk. --offline leaves this out.

A target that runs with the same name counts as the one that is to be replaced: its disks, its
addresses, its XDP programs and its control socket are no errors, and a few lines tell what a reload
would change. So this command may come before a restart or a reload.

Without root, the command tells what it cannot look at, and what 'aoetarget serve' would lack as
this user. Nothing but an attempt tells whether a driver takes AF_XDP, or whether another process
that has a disk open has the exclusive use.

  --offline             Send nothing.
  --json                Print an object: "findings", each with "severity" (ok, note, warning,
                        error), "subject", "text", "cure" and "permission" (other rights might
                        change it), and the numbers "errors", "warnings" and "notes". The errors of
                        an invalid configuration have the subject "configuration".
  -h, --help            Show this text.

'aoetarget serve --help' explains the other options.

Exit codes: 0 nothing speaks against it (there may be warnings), 1 failed, 2 the command line is
wrong, 3 the configuration is invalid or there is an error, 4 there are errors that other rights may
cure, and no others.

Examples:
  aoetarget check -c /etc/aoetarget.toml
  aoetarget check -i eth1 -e 1.1=/dev/sdb
  aoetarget check -c /etc/aoetarget.toml --offline --json
)";

namespace {

/// Returns the findings, or the errors of the configuration as findings.
Findings or_why_invalid(const std::function<Findings()>& found) {
    constexpr const char* subject = "configuration";
    try {
        return found();
    } catch (const ConfigurationError& error) {
        Findings findings;
        for (const std::string& message : error.messages())
            findings.push_back(finding_of(Weight::error, subject, message));
        return findings;
    }
}

} // namespace

int check(const Arguments& arguments) {
    bool offline = false;
    bool json = false;
    const std::optional<ServeArguments> given =
        parse_serve_arguments(arguments, "check", {{"--offline", &offline}, {"--json", &json}});
    if (!given) {
        fmt::print("{}", check_help);
        return 0;
    }
    const auto found = [&] {
        return check(read_serve_configuration(*given),
                     {.control_path = given->choice.is_none() ? "" : given->choice.path(),
                      .control_is_demanded = given->choice.has_path(),
                      .asks_network = !offline});
    };
    const Findings findings = json ? or_why_invalid(found) : found();
    fmt::print("{}", json ? json_of(findings) : text_of(findings));
    return exit_code_of(findings);
}

} // namespace cli
