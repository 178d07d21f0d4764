// aoetarget status: what a target serves, and how it fares.
#include "control/client.hpp"
#include "figures/columns.hpp"
#include "figures/counters.hpp"
#include "figures/short_text.hpp"
#include "figures/snapshot.hpp"
#include "table.hpp"
#include "text.hpp"
#include "verbs/arguments.hpp"
#include "verbs/target_choice.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <ctime>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <sys/ioctl.h>
#include <unistd.h>

namespace cli {

const char* const status_help = R"(Usage: aoetarget status [--name NAME | --control PATH] [--json]

This command shows the interfaces, exports and initiators of a target that runs on this machine, and
how they fare. SINCE is the time since STATE last changed. UNDER WAY are requests that have not been
answered yet, and OLDEST is how long the oldest of them has been under way. LOST are frames that the
kernel dropped or the interface did not send; initiators repeat such requests. ERRORS are errors
that the export has answered. PATH is left out where the terminal is too narrow. REPEATS are copies
of requests that were still under way. The target remembers the 1024 pairs of an initiator and an
export that it heard of last.

An export is ok; failing: its disk fails requests, or does not finish them; refusing-writes: a flush
has failed, and writes that were answered may be lost; vanished: its disk is gone; or in conflict:
another target answers for its address.

An interface is up; down: it has no link; port of another one: that one takes its frames; or absent:
it does not exist, and the target serves it when it appears. The line of a pattern says how many of
the interfaces above it has brought; 0 means that nothing matches it now.

  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  --json                Print an object with all counters instead. Sizes are in bytes, times in
                        seconds, and "start" in seconds since 1970. Exports have their "path",
                        "read-only" and "durability" too, interfaces "entry", the name or pattern
                        by which they are served, and its "options" as in a configuration file,
                        "buffers", the number that initiators are told, and "buffers-bound", why
                        these are fewer than the options ask for.
                        "waited-for" are names of interfaces that are absent, and all patterns.
  -h, --help            Show this text.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 4 no permission, 5 there is no such
target.

Example:
  aoetarget status
)";

namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string number(std::uint64_t value) {
    return fmt::format("{}", value);
}

/// Leaves the last column out if lines would not fit a terminal.
std::string table_that_fits(Rows rows) {
    const std::string text = table(rows);
    winsize terminal{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &terminal) < 0 || terminal.ws_col == 0)
        return text;
    std::size_t longest = 0;
    for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end + 1) {
        end = std::min(text.find('\n', begin), text.size());
        longest = std::max(longest, end - begin);
    }
    if (longest <= terminal.ws_col)
        return text;
    for (std::vector<std::string>& row : rows)
        row.pop_back();
    return table(rows);
}

std::string interfaces_of(const aoetarget::Stats& stats) {
    Rows rows{{"INTERFACE", "STATE", "SINCE", "MTU", "SECTORS/FRAME", "RECEIVED", "SENT", "LOST", "LINK"}};
    for (const aoetarget::InterfaceStats& interface : stats.interfaces)
        rows.push_back({printable(interface.name), state_of(interface), short_time(interface.since_change),
                        number(interface.mtu), number(interface.sectors_per_frame),
                        number(interface.rx_frames), number(interface.tx_frames),
                        number(interface.rx_dropped + interface.tx_errors), interface.link});
    for (const std::string& name : stats.waited_for) {
        const auto [state, serves] = waiting_of(stats, name);
        rows.push_back({printable(name), state, "-", "-", "-", "-", "-", "-", serves.empty() ? "-" : serves});
    }
    return table(rows);
}

std::string exports_of(const aoetarget::Stats& stats, const nlohmann::json& exports) {
    Rows rows{{"EXPORT", "STATE", "SINCE", "SIZE", "READS", "WRITES", "UNDER WAY", "OLDEST", "ERRORS",
               "SERIAL", "PATH"}};
    for (std::size_t i = 0; i < stats.exports.size(); ++i) {
        const aoetarget::ExportStats& exported = stats.exports[i];
        rows.push_back({to_string(exported.address), to_string(exported.state),
                        short_time(exported.since_change),
                        human_size(exported.sectors * aoetarget::sector_bytes), number(exported.reads),
                        number(exported.writes), number(exported.in_flight),
                        exported.oldest_request ? short_time(*exported.oldest_request) : "-",
                        number(exported.ata_errors + exported.aoe_errors), printable(exported.serial),
                        single_line(exports.at(i).value("path", "-"))});
    }
    return table_that_fits(std::move(rows));
}

std::string initiators_of(const aoetarget::Stats& stats) {
    Rows rows{{"INITIATOR", "EXPORT", "READS", "WRITES", "OTHERS", "REPEATS", "LAST SEEN"}};
    for (const aoetarget::InitiatorStats& initiator : stats.initiators) {
        const std::uint64_t reads = of_kind(initiator.requests, aoetarget::RequestKind::read);
        const std::uint64_t writes = of_kind(initiator.requests, aoetarget::RequestKind::write);
        const std::uint64_t all =
            std::accumulate(initiator.requests.begin(), initiator.requests.end(), std::uint64_t{0});
        rows.push_back({to_string(initiator.initiator), to_string(initiator.exported), number(reads),
                        number(writes), number(all - reads - writes), number(initiator.repeats),
                        short_time(initiator.last_seen) + " ago"});
    }
    return table(rows);
}

std::string text_of(const nlohmann::json& status) {
    const Snapshot target = snapshot_of(status);
    const auto start = static_cast<std::time_t>(target.start);
    return fmt::format("target {}: version {}, process {}, since {:%Y-%m-%d %H:%M:%S}\n\n{}\n{}\n{}",
                       printable(target.name), printable(target.version), target.process,
                       fmt::localtime(start), interfaces_of(target.stats),
                       exports_of(target.stats, status.at("exports")), initiators_of(target.stats));
}

} // namespace

int status(const Arguments& arguments) {
    ArgumentParser parser("status");
    TargetChoice target;
    bool as_json = false;
    target.add_to(parser);
    parser.add_flag("--json", as_json);
    if (!parser.parse(arguments)) {
        fmt::print("{}", status_help);
        return 0;
    }
    ControlClient client(target.path());
    const nlohmann::json status = read_status(client);
    fmt::print("{}", as_json ? status.dump(2) + '\n' : text_of(status));
    return 0;
}

} // namespace cli
