// aoetarget add: serves one more export or interface.
#include "config/difference.hpp"
#include "config/json.hpp"
#include "config/reader.hpp"
#include "control/client.hpp"
#include "control/running_target.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "service/rivals.hpp"
#include "verbs/arguments.hpp"
#include "verbs/device_sender.hpp"
#include "verbs/entry_choice.hpp"
#include "verbs/interface_sender.hpp"
#include "verbs/target_choice.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <string>

namespace cli {

const char* const add_help =
    R"(Usage: aoetarget add [--name NAME | --control PATH] -i IF[,OPTION[=VALUE]]...
       aoetarget add [--name NAME | --control PATH] -e SHELF.SLOT=PATH[,OPTION[=VALUE]]...

This command makes a target that runs on this machine serve one more interface or export. What it
serves already is not touched. The command itself opens the disk, or what the interface takes, with
its own rights, and passes it to the target. The addition lasts as long as the target runs: to keep
it, write it to the configuration file as well.

  -i, --interface SPEC  Serve on this network interface, as -i of 'aoetarget serve' says. What a
                        pattern stands for, and an interface that is not there yet, the target opens
                        by itself, with packet sockets.
  -e, --export SPEC     Serve this file or block device, as -e of 'aoetarget serve' says.
  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  -h, --help            Show this text.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 the target cannot serve that beside
what it serves, 4 no permission, 5 there is no such target or interface.

Examples:
  aoetarget add -e 1.2=/dev/sdc,allow=52:54:00:*
  aoetarget add -i eth2
)";

namespace {

using nlohmann::json;

void add_interface(ControlClient& client, const InterfaceSpec& spec) {
    const Configuration present = ask_what_runs(client).configuration;
    if (std::ranges::find(present.interfaces, spec.name, &InterfaceSpec::name) != present.interfaces.end())
        throw Failure(
            exit_configuration,
            fmt::format("the target serves on interface '{}' already; 'aoetarget reload' changes its "
                        "options",
                        spec.name));
    Configuration wanted = present;
    wanted.interfaces.push_back(spec);
    for (const Fault& fault : find_faults(wanted)) {
        if (fault.part == Fault::Part::interface)
            throw Failure(exit_configuration, fault.text);
    }
    prepare_for_target(client, interfaces_to_prepare(client, difference(present, wanted)),
                       present.target.threads,
                       [](const InterfaceSpec&, const Failure& failure) { throw failure; });
    say_notes(client.ask({{"do", "add"}, {"interface", to_json(spec)}}));
}

/// The target's own hosts may stand in the list of those that are allowed.
void add_export(ControlClient& client, const std::string& text) {
    Configuration configuration = ask_what_runs(client).configuration;
    Configuration added;
    added.exports.push_back(parse_export_spec(text, Hosts(configuration.hosts)));
    complete_paths(added);
    const ExportSpec& spec = added.exports.front();
    const Configuration present = configuration;
    configuration.exports.push_back(spec);
    for (const Fault& fault : find_faults(configuration)) {
        if (fault.part == Fault::Part::exported)
            throw Failure(exit_configuration, fault.text);
    }
    refuse_rivals(configuration.exports);
    open_for_target(client, {spec}, present, configuration);
    say_notes(client.ask({{"do", "add"}, {"export", to_json(spec)}}));
}

} // namespace

int add(const Arguments& arguments) {
    ArgumentParser parser("add");
    TargetChoice target;
    EntryChoice entry;
    target.add_to(parser);
    entry.add_to(parser);
    if (!parser.parse(arguments)) {
        fmt::print("{}", add_help);
        return 0;
    }
    entry.check("add", "SHELF.SLOT=PATH");
    std::optional<InterfaceSpec> interface;
    if (entry.interface)
        interface = parse_interface_spec(*entry.interface); // a fault is told before anything is asked
    ControlClient client(target.path());
    if (interface)
        add_interface(client, *interface);
    else
        add_export(client, *entry.exported);
    return 0;
}

} // namespace cli
