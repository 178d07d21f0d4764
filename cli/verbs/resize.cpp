// aoetarget resize: takes over that a disk has grown.
#include "config/export_spec.hpp"
#include "control/client.hpp"
#include "control/running_target.hpp"
#include "exit_code.hpp"
#include "text.hpp"
#include "usage_error.hpp"
#include "verbs/arguments.hpp"
#include "verbs/target_choice.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

namespace cli {

const char* const resize_help = R"(Usage: aoetarget resize [--name NAME | --control PATH] SHELF.SLOT | --all

This command makes a target that runs on this machine look how large the file or disk of an export
is, and serve all of it if it has grown; the target says so to initiators ('aoe-revalidate' on Linux
takes the new size). It never takes a smaller size, because initiators know the old one: this
command says so then, and exits with 1. A disk that grows is noticed without this command; a file is
not.

  --all                 All exports, also if one has become smaller.
  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  -h, --help            Show this text.

Example:
  truncate -s 20G /srv/disk.img && aoetarget resize 1.1

Exit codes: 0 done, 1 failed or a file or disk has become smaller, 2 the command line is wrong,
4 no permission, 5 there is no such target or export.
)";

namespace {

using nlohmann::json;

/// Tells the size. Returns the exit code.
int resize_export(ControlClient& client, const std::string& address) {
    const json answer = client.ask({{"do", "resize"}, {"export", address}});
    const auto size = answer.at("size").get<std::uint64_t>();
    const auto device_size = answer.value("device-size", size);
    if (device_size < size) {
        say(Priority::error,
            fmt::format(
                "error: {}: its file or disk is smaller now, {}; initiators keep the old size, {}, and "
                "requests beyond the end fail. Enlarge it again, or restart the target to serve the "
                "smaller size\n",
                address, human_size(device_size), human_size(size)));
        return exit_failed;
    }
    fmt::print("{}: {}\n", address, human_size(size));
    return 0;
}

} // namespace

int resize(const Arguments& arguments) {
    ArgumentParser parser("resize");
    TargetChoice target;
    std::optional<std::string> exported;
    bool all = false;
    target.add_to(parser);
    parser.add_flag("--all", all);
    parser.add_optional_operand("SHELF.SLOT", exported);
    if (!parser.parse(arguments)) {
        fmt::print("{}", resize_help);
        return 0;
    }
    if (all == exported.has_value())
        throw UsageError("resize takes the address of an export, like 1.1, or --all");
    const std::string address = all ? "" : to_string(parse_export_address(*exported));
    ControlClient client(target.path());
    if (!all)
        return resize_export(client, address);
    int exit_code = 0;
    for (const ExportSpec& spec : ask_what_runs(client).configuration.exports)
        exit_code = std::max(exit_code, resize_export(client, to_string(spec.options.address)));
    return exit_code;
}

} // namespace cli
