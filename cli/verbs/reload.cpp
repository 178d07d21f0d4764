// aoetarget reload: makes what runs like a configuration file.
#include "config/difference.hpp"
#include "config/json.hpp"
#include "config/reader.hpp"
#include "control/client.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "service/rivals.hpp"
#include "verbs/arguments.hpp"
#include "verbs/device_sender.hpp"
#include "verbs/serve_arguments.hpp"
#include "verbs/target_choice.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <optional>

namespace cli {

const char* const reload_help = R"(Usage: aoetarget reload [--name NAME | --control PATH] [-c FILE]

This command makes a target that runs on this machine serve what its configuration file says now.
What is equal is not touched: no request of it is lost. If any part cannot be done, nothing changes.
The command itself opens new disks, with its own rights, and passes them to the target.

  -c, --config FILE     Read this file or folder instead of the one that 'aoetarget serve' had.
                        Without this option, the other options of 'aoetarget serve' count as they
                        did then.
  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  -h, --help            Show this text.

threads, busy-poll and state-dir, and the serial number and model of an export, cannot change while
the target serves them.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 the file is invalid, 4 no permission, 5
there is no such target.
)";

namespace {

using nlohmann::json;

Configuration wanted_configuration(const json& running, const std::optional<std::string>& file) {
    if (file)
        return read_configuration({.files = load_files(*file)});
    const std::vector<std::string> arguments = running.at("arguments");
    if (running.at("file").get_ref<const std::string&>().empty())
        throw Failure(exit_failed,
                      "the target was started without a configuration file; say which one it should be "
                      "like, with -c FILE");
    Sources sources = parse_serve_arguments(arguments).value().sources;
    sources.files = load_files(running.at("file"));
    return read_configuration(sources);
}

/// Returns the exports whose disks the target needs.
std::vector<ExportSpec> exports_to_open(const std::vector<Change>& changes) {
    std::vector<ExportSpec> exports;
    for (const Change& change : changes) {
        if (const ExportSpec* exported = export_to_open(change))
            exports.push_back(*exported);
    }
    return exports;
}

} // namespace

int reload(const Arguments& arguments) {
    ArgumentParser parser("reload");
    TargetChoice target;
    std::optional<std::string> file;
    target.add_to(parser);
    parser.add_option("-c,--config", file);
    if (!parser.parse(arguments)) {
        fmt::print("{}", reload_help);
        return 0;
    }
    ControlClient client(target.path());
    const json running = client.ask({{"do", "config"}});
    const Configuration present = configuration_from_json(running.at("configuration"));
    Configuration wanted = wanted_configuration(running, file);
    complete_paths(wanted);
    refuse_rivals(wanted.exports);
    open_for_target(client, exports_to_open(difference(present, wanted)), present.exports);
    client.ask({{"do", "reload"}, {"configuration", to_json(wanted)}});
    return 0;
}

} // namespace cli
