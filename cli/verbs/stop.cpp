// aoetarget stop: ends a target in good order.
#include "control/client.hpp"
#include "verbs/arguments.hpp"
#include "verbs/target_choice.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cli {

const char* const stop_help = R"(Usage: aoetarget stop [--name NAME | --control PATH]

This command ends a target in good order, as SIGTERM does: it takes no new request, finishes those
under way, and flushes its disks. The command returns when the target has ended.

  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  -h, --help            Show this text.

Exit codes: 0 the target has ended, 1 failed, 2 the command line is wrong, 4 no permission, 5 there
is no such target.
)";

int stop(const Arguments& arguments) {
    ArgumentParser parser("stop");
    TargetChoice target;
    target.add_to(parser);
    if (!parser.parse(arguments)) {
        fmt::print("{}", stop_help);
        return 0;
    }
    ControlClient(target.path()).ask_and_wait_for_end({{"do", "stop"}});
    return 0;
}

} // namespace cli
