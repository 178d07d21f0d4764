// aoetarget reopen: opens the disk of an export anew.
#include "config/json.hpp"
#include "control/client.hpp"
#include "control/running_target.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "verbs/arguments.hpp"
#include "verbs/device_sender.hpp"
#include "verbs/target_choice.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace cli {

const char* const reopen_help = R"(Usage: aoetarget reopen [--name NAME | --control PATH] SHELF.SLOT

This command opens the file or disk of an export anew and passes it to the target, which puts it in
the place of the one that it has: after a flush that failed, when a disk came back, or when the path
names another image now. Requests under way finish on the old one, and none fails. Initiators see
the same disk, so its content must be what they expect.

  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  -h, --help            Show this text.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 4 no permission, 5 there is no such
target or export.
)";

int reopen(const Arguments& arguments) {
    ArgumentParser parser("reopen");
    TargetChoice target;
    std::string exported;
    target.add_to(parser);
    parser.add_operand("SHELF.SLOT", exported);
    if (!parser.parse(arguments)) {
        fmt::print("{}", reopen_help);
        return 0;
    }
    const aoetarget::Address address = parse_export_address(exported);
    ControlClient client(target.path());
    const Configuration present = ask_what_runs(client).configuration;
    const auto spec = std::ranges::find(present.exports, address,
                                        [](const ExportSpec& one) { return one.options.address; });
    if (spec == present.exports.end())
        throw Failure(exit_not_found,
                      fmt::format("there is no export {}; 'aoetarget config' shows what the target "
                                  "serves",
                                  to_string(address)));
    open_for_target(client, {*spec}, present, present);
    say_notes(client.ask({{"do", "reopen"}, {"export", to_string(address)}}));
    return 0;
}

} // namespace cli
