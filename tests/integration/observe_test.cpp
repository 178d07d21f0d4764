// A target that is watched: status, stats and metrics, as a process.
#include "catch.hpp"
#include "controlled_target.hpp"
#include "json_check.hpp"
#include "metrics_check.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <sstream>

using namespace aoetest;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

std::string content_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

double sample(const Metrics& metrics, const std::string& name) {
    const auto found = metrics.samples.find(name);
    return found == metrics.samples.end() ? -1 : found->second;
}

/// A target with one export that one initiator has read from.
struct Watched {
    const VethPair& wire = standard_wire();
    ImageFile image{8192};
    ControlledTarget target{{wire.target_end()}, {export_argument(1, 1, image.path())}};
    RawClient client{wire};

    explicit Watched(unsigned reads) {
        for (unsigned i = 0; i < reads; ++i)
            client.ask(read_request(i, 2));
    }
};

} // namespace

TEST_CASE("status tells states, since when, and who the initiators are", "[observe]") {
    Watched watched(7);
    const ToolResult status = watched.target.run({"status"});
    CAPTURE(status.output, status.error);
    CHECK(status.exit_code == 0);
    for (const char* part : {"STATE", "SINCE", "OLDEST", "INITIATOR", "e1.1    ok "})
        CHECK(contains(status.output, part));
    CHECK(contains(status.output, watched.client.mac().text() + "  e1.1    7 "));
    const ToolResult json = watched.target.run({"status", "--json"});
    CHECK(is_json(json.output));
    for (const char* part : {"\"state\": \"ok\"", "\"since-change\": ", "\"oldest-request\": null",
                             "\"overload\": 0", "\"initiators\": ["})
        CHECK(contains(json.output, part));
    CHECK(contains(json.output, "\"initiator\": \"" + watched.client.mac().text() + "\""));
}

TEST_CASE("status tells what patterns serve, and which interfaces are absent", "[observe]") {
    const VethPair one("patterna"), two("patternb");
    const ImageFile image(64);
    const ControlledTarget target({"pattern?-t", "vnet*", "late0,wait"},
                                  {export_argument(1, 1, image.path())});
    const std::string text = target.run({"status"}).output;
    CAPTURE(text);
    CHECK(std::regex_search(text, std::regex("\npattern\\?-t +pattern .* serves 2 interfaces\n")));
    CHECK(std::regex_search(text, std::regex("\nvnet\\* +pattern .* serves 0 interfaces\n")));
    CHECK(std::regex_search(text, std::regex("\nlate0 +absent ")));
    for (const VethPair* wire : {&one, &two})
        CHECK(contains(text, "\n" + wire->target_end() + " "));
}

TEST_CASE("status tells that an interface is absent once it has been deleted", "[observe]") {
    const VethPair kept("kept");
    const ImageFile image(64);
    auto wire = std::make_optional<VethPair>("deleted");
    const std::string name = wire->target_end();
    const ControlledTarget target({kept.target_end(), name}, {export_argument(1, 1, image.path())});
    const auto shows = [&](const std::string& state) {
        return std::regex_search(target.run({"status"}).output, std::regex("\n" + name + " +" + state + " "));
    };
    RawClient client(kept);
    CHECK(client.wait_until([&] { return shows("up"); }));
    wire.reset();
    CHECK(client.wait_until([&] { return shows("absent"); }));
    CHECK(contains(target.run({"status", "--json"}).output, "\"present\": false"));
    wire.emplace("deleted");
    CHECK(client.wait_until([&] { return shows("up"); }));
}

TEST_CASE("stats show the averages since the start, and tables in intervals", "[observe]") {
    Watched watched(50);
    const ToolResult averages = watched.target.run({"stats"});
    CAPTURE(averages.output, averages.error);
    CHECK(averages.exit_code == 0);
    REQUIRE(lines_of(averages.output).size() == 2);
    CHECK(lines_of(averages.output)[0].substr(0, 13) == "EXPORT  STATE");
    CHECK(lines_of(averages.output)[1].substr(0, 10) == "e1.1    ok");
    const ToolResult tables = watched.target.run({"stats", "--interval", "0.2", "--count", "3"});
    CHECK(tables.exit_code == 0);
    CHECK(lines_of(tables.output).size() == 3 * 4); // the time, a heading, an export, nothing
    const ToolResult objects = watched.target.run({"stats", "--interval", "0.2", "--count", "3", "--json"});
    CHECK(objects.exit_code == 0);
    REQUIRE(lines_of(objects.output).size() == 3);
    for (const std::string& line : lines_of(objects.output)) {
        CHECK(is_json(line));
        CHECK(contains(line, "\"export\":\"e1.1\""));
        CHECK(contains(line, "\"reads\":0.0"));
    }
}

TEST_CASE("stats tell what has happened since the last line, and end with the target", "[observe]") {
    Watched watched(0);
    ChildProcess stats(
        {target_program(), "stats", "--interval", "0.3", "--json", "--control", watched.target.socket()});
    const auto has_line_with_reads = [&] {
        stats.collect_output(Milliseconds(0));
        for (const std::string& line : lines_of(stats.standard_output())) {
            if (contains(line, "\"export\":\"e1.1\"") && !contains(line, "\"reads\":0.0"))
                return !contains(line, "\"read-p99\":null");
        }
        return false;
    };
    bool has_reads = false;
    const auto end = std::chrono::steady_clock::now() + Milliseconds(60000);
    for (unsigned i = 0; !has_reads && std::chrono::steady_clock::now() < end; ++i) {
        watched.client.ask(read_request(i % 4096, 2));
        has_reads = has_line_with_reads();
    }
    CHECK(has_reads);
    watched.target.process().expect_exit();
    CHECK(watched.target.run({"stop"}).exit_code == 0);
    CHECK(stats.wait_for_exit(Milliseconds(60000)) == 5);
}

TEST_CASE("metrics are in order, and have what the target did", "[observe][metrics]") {
    Watched watched(7);
    const ToolResult result = watched.target.run({"metrics"});
    CHECK(result.exit_code == 0);
    const Metrics metrics = read_metrics(result.output, false);
    for (const std::string& fault : metrics.faults)
        FAIL_CHECK(fault);
    CHECK(sample(metrics, R"(aoetarget_requests_total{export="e1.1",op="read"})") == 7);
    CHECK(sample(metrics, R"(aoetarget_bytes_total{export="e1.1",op="read"})") == 7 * 1024);
    CHECK(sample(metrics, R"(aoetarget_request_duration_seconds_count{export="e1.1",op="read"})") == 7);
    CHECK(sample(metrics, R"(aoetarget_export_state{export="e1.1",state="ok"})") == 1);
    CHECK(sample(metrics, "aoetarget_initiator_requests_total{initiator=\"" + watched.client.mac().text() +
                              R"(",export="e1.1",op="read"})") == 7);
    const ToolResult strict = watched.target.run({"metrics", "--openmetrics"});
    for (const std::string& fault : read_metrics(strict.output, true).faults)
        FAIL_CHECK(fault);
    CHECK(contains(strict.output, "# TYPE aoetarget_requests counter\n"));
}

TEST_CASE("metrics have every export of many", "[observe][metrics]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    std::vector<std::string> exports;
    for (unsigned slot = 0; slot < 255; ++slot)
        exports.push_back(export_argument(1, slot, image.path(), "read-only"));
    const ControlledTarget target({wire.target_end()}, exports, {"--threads", "2"});
    RawClient client(wire);
    for (unsigned slot = 0; slot < 255; ++slot)
        client.ask(read_request(0, 2).to(1, static_cast<std::uint8_t>(slot)));
    const Metrics metrics = read_metrics(target.run({"metrics"}).output, false);
    CHECK(metrics.faults.empty());
    for (unsigned slot = 0; slot < 255; ++slot) {
        const std::string labels = "{export=\"e1." + std::to_string(slot) + "\",op=\"read\"}";
        CHECK(sample(metrics, "aoetarget_request_duration_seconds_count" + labels) == 1);
    }
}

TEST_CASE("promtool accepts the metrics", "[observe][metrics]") {
    const std::string promtool = find_program("promtool");
    if (promtool.empty())
        SKIP_BECAUSE("there is no promtool (Debian package prometheus)");
    Watched watched(7);
    const std::string file = watched.target.socket() + ".prom";
    REQUIRE(watched.target.run({"metrics", "--output", file}).exit_code == 0);
    const ToolResult verdict = run_tool(
        {"/bin/sh", "-c", "exec \"$0\" check metrics < \"$1\"", promtool, file}, Milliseconds(60000));
    CAPTURE(verdict.output, verdict.error);
    CHECK(verdict.exit_code == 0);
    CHECK(verdict.output.empty());
    CHECK(verdict.error.empty());
}

TEST_CASE("metrics replace a file, and leave it as it is if they cannot", "[observe][metrics]") {
    Watched watched(1);
    const ScratchFolder folder;
    const std::string file = folder.write("aoetarget.prom", "old");
    CHECK(watched.target.run({"metrics", "--output", file}).exit_code == 0);
    CHECK(read_metrics(content_of(file), false).faults.empty());
    const std::filesystem::directory_iterator files(folder.path());
    CHECK(std::distance(begin(files), end(files)) == 1);
    const ToolResult nowhere =
        watched.target.run({"metrics", "--output", folder.path() + "/none/aoetarget.prom"});
    CHECK(nowhere.exit_code == 1);
    CHECK(contains(nowhere.error, "cannot write " + folder.path() + "/none/aoetarget.prom"));
    CHECK(watched.target.run({"metrics", "--output", "/dev/null"}).exit_code == 1);
    const std::string before = content_of(file);
    watched.target.process().expect_exit();
    CHECK(watched.target.run({"stop"}).exit_code == 0);
    CHECK(watched.target.run({"metrics", "--output", file}).exit_code == 5);
    CHECK(content_of(file) == before);
}
