// The metrics: their text, and the file that takes it.
#include "catch.hpp"
#include "snapshots.hpp"

#include "failure.hpp"
#include "figures/metrics.hpp"
#include "replacement.hpp"
#include "support/backing.hpp"
#include "support/metrics_check.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include <sys/stat.h>
#include <unistd.h>

using namespace std::chrono_literals;
using aoetest::read_metrics, aoetest::snapshot_of_reads;
using cli::MetricsFormat;

namespace {

std::string content_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t files_in(const aoetest::ScratchFolder& folder) {
    const std::filesystem::directory_iterator files(folder.path());
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

} // namespace

TEST_CASE("metrics are well-formed in both formats, whatever the figures are", "[cli][metrics]") {
    const MetricsFormat format = GENERATE(MetricsFormat::prometheus, MetricsFormat::openmetrics);
    cli::Snapshot largest = snapshot_of_reads(1, 1, 1ms);
    largest.stats = aoetest::largest_stats(3, 3);
    for (auto& exported : largest.stats.exports) {
        for (auto& histogram : exported.latency)
            histogram.counts.fill(1ULL << 50);
    }
    for (const cli::Snapshot& snapshot : {cli::Snapshot(), snapshot_of_reads(5, 100, 15us), largest}) {
        const auto metrics =
            read_metrics(cli::metrics_of(snapshot, "6.1", format), format == MetricsFormat::openmetrics);
        for (const std::string& fault : metrics.faults)
            FAIL_CHECK(fault);
        CHECK(metrics.samples.size() >= 4);
    }
}

TEST_CASE("each figure has its metric", "[cli][metrics]") {
    cli::Snapshot snapshot = snapshot_of_reads(5, 100, 15us);
    aoetarget::ExportStats& exported = snapshot.stats.exports[0];
    for (std::size_t i = 0; i < cli::export_counters.size(); ++i)
        exported.*cli::export_counters[i].member = 3000 + i;
    exported.oldest_request = 250ms;
    exported.state = aoetarget::ExportStats::State::vanished;
    aoetarget::InterfaceStats& interface = snapshot.stats.interfaces[0];
    for (std::size_t i = 0; i < cli::interface_counters.size(); ++i)
        interface.*cli::interface_counters[i].member = 2000 + i;
    auto samples = read_metrics(cli::metrics_of(snapshot, "6.1", MetricsFormat::prometheus), false).samples;
    std::map<double, unsigned> values;
    for (const auto& [name, value] : samples)
        ++values[value];
    for (std::size_t i = 0; i < cli::export_counters.size(); ++i)
        CHECK(values[3000.0 + static_cast<double>(i)] == 1);
    for (std::size_t i = 0; i < cli::interface_counters.size(); ++i)
        CHECK(values[2000.0 + static_cast<double>(i)] == 1);
    const std::pair<const char*, double> expected[] = {
        {R"(aoetarget_info{version="1.2.3",kernel="6.1"})", 1},
        {"aoetarget_start_time_seconds", 1000},
        {R"(aoetarget_requests_total{export="e1.1",op="read"})", 3000},
        {R"(aoetarget_bytes_total{export="e1.1",op="read"})", 100 * 4096},
        {R"(aoetarget_request_duration_seconds_bucket{export="e1.1",op="read",le="1e-05"})", 0},
        {R"(aoetarget_request_duration_seconds_bucket{export="e1.1",op="read",le="2e-05"})", 100},
        {R"(aoetarget_request_duration_seconds_count{export="e1.1",op="read"})", 100},
        {R"(aoetarget_oldest_request_seconds{export="e1.1"})", 0.25},
        {R"(aoetarget_export_state{export="e1.1",state="vanished"})", 1},
        {R"(aoetarget_export_state{export="e1.1",state="ok"})", 0},
        {R"(aoetarget_export_size_bytes{export="e1.1"})", 8192 * 512},
        {R"(aoetarget_interface_up{interface="eth1"})", 1},
        {R"(aoetarget_interface_mtu_bytes{interface="eth1"})", 1500},
        {R"(aoetarget_frames_total{interface="eth1",direction="received"})", 2000},
        {R"(aoetarget_initiator_requests_total{initiator="02:00:00:00:00:01",export="e1.1",op="read"})", 100},
    };
    for (const auto& [name, value] : expected) {
        CAPTURE(name);
        REQUIRE(samples.count(name) == 1);
        CHECK(samples.at(name) == value);
    }
}

TEST_CASE("metrics have the names and labels that people build upon", "[cli][metrics]") {
    const auto metrics = read_metrics(
        cli::metrics_of(snapshot_of_reads(5, 100, 15us), "6.1", MetricsFormat::prometheus), false);
    std::set<std::string> names;
    for (const auto& [name, value] : metrics.samples)
        names.insert(std::regex_replace(name, std::regex("=\"[^\"]*\""), ""));
    CHECK(names == std::set<std::string>{
                       "aoetarget_info{version,kernel}",
                       "aoetarget_start_time_seconds",
                       "aoetarget_failed_last_flushes_total",
                       "aoetarget_out_of_slots_total",
                       "aoetarget_requests_total{export,op}",
                       "aoetarget_bytes_total{export,op}",
                       "aoetarget_request_duration_seconds_bucket{export,op,le}",
                       "aoetarget_request_duration_seconds_sum{export,op}",
                       "aoetarget_request_duration_seconds_count{export,op}",
                       "aoetarget_in_flight{export}",
                       "aoetarget_oldest_request_seconds{export}",
                       "aoetarget_device_operations_total{export}",
                       "aoetarget_read_ahead_total{export}",
                       "aoetarget_errors_total{export,kind}",
                       "aoetarget_dropped_total{export,reason}",
                       "aoetarget_duplicates_total{export}",
                       "aoetarget_ordered_total{export}",
                       "aoetarget_patched_total{export}",
                       "aoetarget_export_state{export,state}",
                       "aoetarget_export_size_bytes{export}",
                       "aoetarget_interface_up{interface}",
                       "aoetarget_interface_mtu_bytes{interface}",
                       "aoetarget_interface_info{interface,link,mac}",
                       "aoetarget_frames_total{interface,direction}",
                       "aoetarget_frames_dropped_total{interface,reason}",
                       "aoetarget_receive_stops_total{interface}",
                       "aoetarget_transmit_retries_total{interface}",
                       "aoetarget_initiator_requests_total{initiator,export,op}",
                       "aoetarget_initiator_repeats_total{initiator,export}",
                       "aoetarget_initiator_last_seen_seconds{initiator,export}",
                   });
    for (const auto& [label, values] :
         {std::pair("errors_total{export=\"e1.1\",kind", std::vector{"ata", "aoe", "flush"}),
          std::pair("dropped_total{export=\"e1.1\",reason",
                    std::vector{"crowding", "resources", "stale", "overload"}),
          std::pair("requests_total{export=\"e1.1\",op",
                    std::vector{"read", "write", "flush", "discard", "other"}),
          std::pair("export_state{export=\"e1.1\",state",
                    std::vector{"ok", "failing", "refusing-writes", "vanished", "conflict"}),
          std::pair("frames_total{interface=\"eth1\",direction", std::vector{"received", "sent"})}) {
        for (const char* value : values)
            CHECK(metrics.samples.contains(std::string("aoetarget_") + label + "=\"" + value + "\"}"));
    }
}

TEST_CASE("labels are escaped", "[cli][metrics]") {
    cli::MetricsText text(MetricsFormat::prometheus);
    text.begin("x", cli::MetricsText::Type::gauge, "", "A thing.");
    text.add({{"name", "a\"b\\c\nd"}}, std::uint64_t{1});
    CHECK(text.end() == "# HELP x A thing.\n# TYPE x gauge\nx{name=\"a\\\"b\\\\c\\nd\"} 1\n# EOF\n");
}

TEST_CASE("the reader of metrics finds faults", "[cli][metrics]") {
    const std::string good = "# HELP x_total A.\n# TYPE x_total counter\nx_total{a=\"b\"} 1\n";
    CHECK(read_metrics(good + "# EOF\n", false).faults.empty());
    for (const std::string& bad :
         {good, good + "x_total{a=\"b\"} 1\n# EOF\n", good + "y 1\n# EOF\n", good + good + "# EOF\n",
          good + "x_total{a=\"\"\"} 2\n# EOF\n", good + "x_total 1x\n# EOF\n", good + "x_total -1\n# EOF\n",
          std::string("# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\n"
                      "h_sum 1\nh_count 1\n# EOF\n"),
          std::string(
              "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_sum 1\nh_count 2\n# EOF\n")}) {
        CAPTURE(bad);
        CHECK_FALSE(read_metrics(bad, false).faults.empty());
    }
    CHECK_FALSE(read_metrics(good + "# EOF\n", true).faults.empty());
}

TEST_CASE("a file is replaced as a whole, and everybody may read it", "[cli][metrics]") {
    const aoetest::ScratchFolder folder;
    const std::string path = folder.path() + "/aoetarget.prom";
    cli::replace_file(path, "one\n");
    CHECK(content_of(path) == "one\n");
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0644);
    std::ifstream reader(path);
    cli::replace_file(path, "two\n");
    CHECK(std::string(std::istreambuf_iterator<char>(reader), {}) == "one\n");
    CHECK(content_of(path) == "two\n");
    CHECK(files_in(folder) == 1);
}

TEST_CASE("what is no regular file is not replaced, and nothing is left behind", "[cli][metrics]") {
    const aoetest::ScratchFolder folder;
    const std::string file = folder.write("file", "precious");
    std::filesystem::create_symlink(file, folder.path() + "/link");
    std::filesystem::create_directory(folder.path() + "/folder");
    for (const std::string& path :
         {folder.path() + "/link", folder.path() + "/folder", folder.path() + "/none/file", file + "/x"}) {
        CAPTURE(path);
        CHECK_THROWS_AS(cli::replace_file(path, "x"), cli::Failure);
    }
    CHECK(content_of(folder.path() + "/link") == "precious");
    CHECK(files_in(folder) == 3);
}
