// aoetarget reload: makes what runs like a configuration file.
#include "config/difference.hpp"
#include "config/json.hpp"
#include "config/reader.hpp"
#include "control/client.hpp"
#include "control/running_target.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "service/rivals.hpp"
#include "text.hpp"
#include "verbs/arguments.hpp"
#include "verbs/device_sender.hpp"
#include "verbs/interface_sender.hpp"
#include "verbs/serve_arguments.hpp"
#include "verbs/target_choice.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <set>
#include <string>

namespace cli {

const char* const reload_help =
    R"(Usage: aoetarget reload [--name NAME | --control PATH] [-c FILE] [--partial]

This command makes a target that runs on this machine serve what its configuration file says now.
What is equal is not touched: no request of it is lost. If any part cannot be done, nothing changes,
and the command tells each disk that it could not open.
The command itself opens new disks, and what new interfaces take, with its own rights, and passes
them to the target. If the path or the offset of an export changes, what is there must have the same
content: initiators go on with it.

  -c, --config FILE     Read this file or folder instead of the one that 'aoetarget serve' had.
                        Without this option, the other options of 'aoetarget serve' count as they
                        did then. Relative paths in a file, and in these options, begin where
                        'aoetarget serve' was started.
  --partial             Change what can be changed, and tell what could not be. An entry that fails
                        stays as it was. An invalid file is still refused as a whole.
  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  -h, --help            Show this text.

threads, busy-poll and state-dir, and the serial number and model of an export, cannot change while
the target serves them.

A disk can move to another address, if no export has that address now: its old export ends, and when
the last request there has ended, the new one begins. If the disk does not end a request within 10
seconds, the new export is left out, and the command says so.

Exit codes: 0 done, 1 failed, or with --partial a part of it failed, 2 the command line is wrong, 3
the file is invalid, 4 no permission, 5 there is no such target or interface.

Examples:
  aoetarget reload
  aoetarget reload -c /etc/aoetarget.toml --partial
)";

namespace {

using nlohmann::json;

Configuration wanted_configuration(const WhatRuns& running, const std::optional<std::string>& file) {
    if (file)
        return read_configuration({.files = load_files(*file)});
    if (running.file.empty())
        throw Failure(exit_failed,
                      "the target was started without a configuration file; say which one it should be "
                      "like, with -c FILE");
    Sources sources = parse_serve_arguments(running.arguments).value().sources;
    sources.files = load_files(running.file);
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

/// Tells what has failed, on standard error, each entry once.
class Failures {
  public:
    void add(const std::string& entry, const std::string& error) {
        const std::string text = error.starts_with(entry) ? error : entry + ": " + error;
        if (entries_.insert(entry).second)
            say(Priority::error, fmt::format("error: {}\n", single_line(text)));
    }
    [[nodiscard]] bool is_any() const { return !entries_.empty(); }

  private:
    std::set<std::string> entries_;
};

} // namespace

int reload(const Arguments& arguments) {
    ArgumentParser parser("reload");
    TargetChoice target;
    std::optional<std::string> file;
    bool is_partial = false;
    target.add_to(parser);
    parser.add_option("-c,--config", file);
    parser.add_flag("--partial", is_partial);
    if (!parser.parse(arguments)) {
        fmt::print("{}", reload_help);
        return 0;
    }
    ControlClient client(target.path());
    const WhatRuns running = ask_what_runs(client);
    const Configuration& present = running.configuration;
    Configuration wanted = wanted_configuration(running, file);
    complete_paths(wanted, running.folder);
    refuse_rivals(wanted.exports);
    Failures failures;
    int exit_code = 0; // of the first failure
    const auto failed = [&](const auto& spec, const Failure& failure) {
        failures.add(entry_name(spec), failure.what());
        exit_code = exit_code == 0 ? failure.exit_code() : exit_code;
    };
    const std::vector<Change> changes = difference(present, wanted);
    open_for_target(client, exports_to_open(changes), present, wanted, failed,
                    is_partial ? Sending::one_by_one : Sending::together);
    prepare_for_target(client, interfaces_to_prepare(client, changes), present.target.threads, failed);
    if (exit_code != 0 && !is_partial)
        return exit_code;
    const json answer = ask_for_reload(client, wanted, is_partial);
    say_notes(answer);
    for (const json& entry : answer.at("failed"))
        failures.add(entry.at("entry"), entry.at("error"));
    return failures.is_any() ? exit_failed : 0;
}

} // namespace cli
