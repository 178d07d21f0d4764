// aoetarget config: what a target serves, as a file.
#include "config/json.hpp"
#include "config/reader.hpp"
#include "control/client.hpp"
#include "control/running_target.hpp"
#include "figures/snapshot.hpp"
#include "figures/stats_json.hpp"
#include "verbs/arguments.hpp"
#include "verbs/output_choice.hpp"
#include "verbs/target_choice.hpp"

#include <aoetarget/inspect.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <system_error>
#include <vector>

namespace cli {

const char* const config_help = R"(Usage: aoetarget config [--name NAME | --control PATH] [--json]
                        [--output FILE]

This command prints what a target on this machine serves now, as a configuration file: 'aoetarget
serve -c' makes the same target of it. An interface that was renamed has its present name. Only
what differs from the defaults is there, and the serial number of each export, also if serve has
made it: so the disk stays the same for initiators when its path changes, or another machine serves
it. A path that is not UTF-8 is written as "file:" and the path, with %NN for such bytes, which
serve reads again.

  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  --json                Print JSON with the same keys instead of TOML.
  --output FILE         Write to FILE instead, which stays as it is if the command fails.
  -h, --help            Show this text.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 4 no permission, 5 there is no such
target.

Example:
  aoetarget config --output /etc/aoetarget.toml
)";

namespace {

void add_serials(Configuration& configuration, const nlohmann::json& status) {
    std::map<aoetarget::Address, std::string> serials;
    for (const nlohmann::json& exported : status.at("exports"))
        serials.emplace(address_from_json(exported, "address"), exported.at("serial"));
    for (ExportSpec& spec : configuration.exports) {
        if (const auto found = serials.find(spec.options.address); found != serials.end())
            spec.options.serial = found->second;
    }
}

/// Returns whether the name, be it an alternative one, is that of this interface now.
bool is_name_of(const std::string& name, const aoetarget::InterfaceStats& interface) {
    try {
        const auto found = aoetarget::inspect_interfaces(name, {.link = aoetarget::LinkKind::packet});
        return !found.empty() && found.front().stats.name == interface.name;
    } catch (const std::system_error&) {
        return false; // nothing has it
    }
}

/// An interface that was renamed while it was served is found by its present name only. Two may have changed
/// their names.
void take_present_names(Configuration& configuration,
                        const std::vector<aoetarget::InterfaceStats>& interfaces) {
    std::map<std::string, std::string> present;
    for (InterfaceSpec& spec : configuration.interfaces) {
        const auto served = std::ranges::find(interfaces, spec.name, &aoetarget::InterfaceStats::entry);
        if (spec.is_pattern() || served == interfaces.end() || is_name_of(spec.name, *served))
            continue;
        present[spec.name] = served->name;
        spec.name = served->name;
    }
    for (ExportSpec& exported : configuration.exports) {
        for (std::string& name : exported.options.interfaces) {
            if (const auto renamed = present.find(name); renamed != present.end())
                name = renamed->second;
        }
    }
}

} // namespace

int config(const Arguments& arguments) {
    ArgumentParser parser("config");
    TargetChoice target;
    bool as_json = false;
    OutputChoice output;
    target.add_to(parser);
    parser.add_flag("--json", as_json);
    output.add_to(parser);
    if (!parser.parse(arguments)) {
        fmt::print("{}", config_help);
        return 0;
    }
    output.check();
    ControlClient client(target.path());
    Configuration configuration = ask_what_runs(client).configuration;
    const nlohmann::json status = read_status(client);
    add_serials(configuration, status);
    take_present_names(configuration, snapshot_of(status).stats.interfaces);
    output.write(as_json ? to_json(configuration).dump(2) + '\n' : to_toml(configuration));
    return 0;
}

} // namespace cli
