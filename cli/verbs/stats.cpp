// aoetarget stats: rates and latencies.
#include "control/client.hpp"
#include "figures/rates.hpp"
#include "figures/snapshot.hpp"
#include "figures/stats_text.hpp"
#include "usage_error.hpp"
#include "verbs/arguments.hpp"
#include "verbs/interval.hpp"
#include "verbs/target_choice.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <system_error>
#include <thread>

namespace cli {

const char* const stats_help =
    R"(Usage: aoetarget stats [--name NAME | --control PATH] [--interval S [--count N]] [--json]

This command shows what the exports of a target that runs on this machine do in a second, and how
long that takes. Without --interval it prints the averages since the target's start. With it, it
prints a table every S seconds, each with what happened since the one before; the first comes after
S seconds.

  --interval S          Print a table every S seconds, 0.1 to 86400.
  --count N             End after N tables. Without it, the command ends when it is interrupted, or
                        when the target ends.
  --json                Print an object in one line instead of each table. It has interfaces and
                        initiators too. Rates are per second, sizes in bytes, times in seconds;
                        "time" is in seconds since 1970.
  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  -h, --help            Show this text.

READ/S, WRITE/S, BYTES/S
                        Requests and bytes in a second: k, M and G are powers of 1000 for requests,
                        K, M and G powers of 1024 for bytes.
R P50, R P99, W P50, W P99
                        So long, at most, half of the reads (writes) took from their arrival to
                        their answer, and 99 of 100. The target counts durations in 26 classes
                        (10, 20, 30, 50, 100 us ... 10 s), and the figure is the upper bound of one
                        of them: nothing is interpolated. "-": there was no request. In JSON, 10
                        also stands for more than 10 s, and null for no request.
QUEUE, OLDEST           Requests under way now, and how long the oldest has been.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 4 no permission, 5 there is no such
target, or it has ended.

Examples:
  aoetarget stats
  aoetarget stats --interval 5
  aoetarget stats --interval 1 --count 60 --json > minute.jsonl
)";

namespace {

void print(const Rates& rates, bool as_json, bool with_time) {
    const auto now = std::chrono::system_clock::now();
    const std::chrono::duration<double> seconds = now.time_since_epoch();
    if (as_json)
        fmt::print("{}\n", stats_json(rates, seconds.count()));
    else if (with_time)
        fmt::print("{:%Y-%m-%d %H:%M:%S}\n{}\n", fmt::localtime(std::chrono::system_clock::to_time_t(now)),
                   stats_table(rates));
    else
        fmt::print("{}", stats_table(rates));
    if (std::fflush(stdout) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot write to standard output");
}

} // namespace

int stats(const Arguments& arguments) {
    ArgumentParser parser("stats");
    TargetChoice target;
    double interval = 0;
    std::uint64_t count = 0;
    bool as_json = false;
    target.add_to(parser);
    parser.add_option("--interval", interval);
    parser.add_option("--count", count);
    parser.add_flag("--json", as_json);
    if (!parser.parse(arguments)) {
        fmt::print("{}", stats_help);
        return 0;
    }
    if (parser.has("--count") && (!parser.has("--interval") || count == 0))
        throw UsageError("--count takes a number above 0, and --interval with it");
    const bool repeats = parser.has("--interval");
    const auto period = repeats ? parse_interval(interval) : std::chrono::nanoseconds(0);
    ControlClient client(target.path());
    Snapshot before = read_snapshot(client);
    if (!repeats) {
        print(rates_since_start(before), as_json, false);
        return 0;
    }
    auto next = before.taken;
    for (std::uint64_t printed = 0; count == 0 || printed < count; ++printed) {
        next += period;
        std::this_thread::sleep_until(next);
        Snapshot now = read_snapshot(client);
        print(rates_between(before, now), as_json, true);
        before = std::move(now);
    }
    return 0;
}

} // namespace cli
