// aoetarget config: what a target serves, as a file.
#include "config/json.hpp"
#include "config/reader.hpp"
#include "control/client.hpp"
#include "verbs/arguments.hpp"
#include "verbs/running_target.hpp"
#include "verbs/target_choice.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cli {

const char* const config_help = R"(Usage: aoetarget config [--name NAME | --control PATH] [--json]

This command prints what a target on this machine serves now, as a configuration file: 'aoetarget
serve -c' makes the same target of it. Only what differs from the defaults is there. A path that is
not UTF-8 is written as "file:" and the path, with %NN for such bytes, which serve reads again.

  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  --json                Print JSON with the same keys instead of TOML.
  -h, --help            Show this text.

Exit codes: 0 done, 4 no permission, 5 there is no such target.

Example:
  aoetarget config > /etc/aoetarget.toml
)";

int config(const Arguments& arguments) {
    ArgumentParser parser("config");
    TargetChoice target;
    bool as_json = false;
    target.add_to(parser);
    parser.add_flag("--json", as_json);
    if (!parser.parse(arguments)) {
        fmt::print("{}", config_help);
        return 0;
    }
    ControlClient client(target.path());
    const Configuration configuration = ask_what_runs(client).configuration;
    fmt::print("{}", as_json ? to_json(configuration).dump(2) + '\n' : to_toml(configuration));
    return 0;
}

} // namespace cli
