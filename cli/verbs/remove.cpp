// aoetarget remove: serves an export or an interface no longer.
#include "config/export_spec.hpp"
#include "control/client.hpp"
#include "verbs/arguments.hpp"
#include "verbs/device_sender.hpp"
#include "verbs/entry_choice.hpp"
#include "verbs/target_choice.hpp"

#include <aoetarget/address.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cli {

const char* const remove_help =
    R"(Usage: aoetarget remove [--name NAME | --control PATH] -i IF | -e SHELF.SLOT

This command makes a target that runs on this machine serve an interface or an export no longer.
Requests under way are finished, and the disk is flushed and closed; if that takes more than 5
seconds, the command says so and does not wait longer. What else it serves is not touched.

  -i, --interface IF    The interface or pattern, as 'aoetarget config' shows it.
  -e, --export ADDRESS  The address of the export, SHELF.SLOT.
  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  -h, --help            Show this text.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 something else needs it, 4 no
permission, 5 there is no such target, interface or export.
)";

int remove(const Arguments& arguments) {
    ArgumentParser parser("remove");
    TargetChoice target;
    EntryChoice entry;
    target.add_to(parser);
    entry.add_to(parser);
    if (!parser.parse(arguments)) {
        fmt::print("{}", remove_help);
        return 0;
    }
    entry.check("remove", "SHELF.SLOT");
    nlohmann::json request{{"do", "remove"}};
    if (entry.interface)
        request["interface"] = *entry.interface;
    else
        request["export"] = to_string(parse_export_address(*entry.exported));
    say_notes(ControlClient(target.path()).ask(std::move(request)));
    return 0;
}

} // namespace cli
