// aoetarget metrics: all figures for Prometheus.
#include "figures/metrics.hpp"

#include "control/client.hpp"
#include "figures/snapshot.hpp"
#include "verbs/arguments.hpp"
#include "verbs/output_choice.hpp"
#include "verbs/target_choice.hpp"

#include <fmt/format.h>

#include <sys/utsname.h>

namespace cli {

const char* const metrics_help =
    R"(Usage: aoetarget metrics [--name NAME | --control PATH] [--output FILE] [--openmetrics]

This command prints all figures of a target that runs on this machine in the text format of
Prometheus, once. 'promtool check metrics' accepts it, and so does the textfile collector of
node_exporter, which takes FILE if its name ends in ".prom".

  --output FILE         Write to FILE instead. A new file with mode 0644 takes its place when it is
                        complete, so readers never see a part. FILE must be a regular file, or must
                        not exist.
  --openmetrics         Print OpenMetrics 1.0 as its specification demands. Only the lines that
                        describe counters differ: they lack "_total", and the two readers above do
                        not know them like that.
  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  -h, --help            Show this text.

Exit codes: 0 done, 1 failed, 2 the command line is wrong, 4 no permission, 5 there is no such
target. If it fails, FILE stays as it is.

Examples:
  aoetarget metrics | promtool check metrics
  aoetarget metrics --output /var/lib/prometheus/node-exporter/aoetarget.prom
)";

int metrics(const Arguments& arguments) {
    ArgumentParser parser("metrics");
    TargetChoice target;
    OutputChoice output;
    bool openmetrics = false;
    target.add_to(parser);
    output.add_to(parser);
    parser.add_flag("--openmetrics", openmetrics);
    if (!parser.parse(arguments)) {
        fmt::print("{}", metrics_help);
        return 0;
    }
    output.check();
    utsname system{};
    uname(&system);
    ControlClient client(target.path());
    output.write(metrics_of(read_snapshot(client), system.release,
                            openmetrics ? MetricsFormat::openmetrics : MetricsFormat::prometheus));
    return 0;
}

} // namespace cli
