// aoetarget probe as far as it goes without a network: its refusals, and its texts.
#include "catch.hpp"

#include "usage_error.hpp"
#include "verbs/probe_text.hpp"
#include "verbs/verbs.hpp"

#include <nlohmann/json.hpp>

#include <string>

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

std::string refusal_of(const cli::Arguments& arguments) {
    try {
        cli::probe(arguments);
    } catch (const cli::UsageError& error) {
        return error.what();
    }
    return "accepted";
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

aoetarget::ProbeReport report_of_small_frames() {
    aoetarget::ProbeReport report;
    report.interface = "eth1";
    report.mtu = 9000;
    report.address = {7, 3};
    report.targets.resize(1);
    report.targets[0].address = report.address;
    report.targets[0].config_string = "rack\n7";
    report.to_target = {1518, 1519};
    report.small = {.request_bytes = 60,
                    .answer_bytes = 60,
                    .sent = 300,
                    .answered = 290,
                    .duplicates = 2,
                    .reordered = 1,
                    .min = 20us,
                    .median = 31500ns,
                    .p99 = 700us,
                    .max = 20ms};
    report.to_large = {.request_bytes = 1518, .sent = 80};
    report.findings = {
        {aoetarget::Severity::error, aoetarget::ProbeFindingKind::path_mtu, "Too\x1B[31m long."}};
    return report;
}

} // namespace

TEST_CASE("probe refuses wildcards and whatever else is not the address of one target", "[cli][probe]") {
    for (const char* text :
         {"65535.1", "1.255", "65535.255", "1", "1.", ".1", "a.b", "-1.1", "1.1.1", "", "e"}) {
        INFO(text);
        CHECK(has(refusal_of({"-i", "eth0", text}), std::string("'") + text + "' is not the address"));
    }
    CHECK(has(refusal_of({"1.1"}), "add -i IF"));
    CHECK(has(refusal_of({"-i", "eth0"}), "SHELF.SLOT is required"));
    CHECK(has(refusal_of({"-i", "a/b", "1.1"}), "a/b"));
    CHECK(has(refusal_of({"-i", "eth0", "1.1", "1.2"}), "1.2"));
}

TEST_CASE("the JSON of a probe has numbers, and null for what was not measured", "[cli][probe]") {
    const json object = json::parse(cli::probe_json(report_of_small_frames()));
    CHECK(object["address"] == "e7.3");
    CHECK(object["targets"][0]["config_string"] == "rack\\x0a7");
    CHECK(object["to_target"]["longest_bytes"] == 1518);
    CHECK(object["to_target"]["shortest_lost_bytes"] == 1519);
    CHECK(object["from_target"].is_null());
    CHECK(object["small"]["lost"] == 10);
    CHECK(object["small"]["duplicates"] == 2);
    CHECK(object["small"]["reordered"] == 1);
    CHECK(object["small"]["latency_us"]["median"] == 31.5);
    CHECK(object["to_large"]["lost"] == 80);
    CHECK(object["to_large"]["answer_bytes"].is_null());
    CHECK(object["to_large"]["latency_us"].is_null());
    CHECK(object["from_large"].is_null());
    CHECK(object["findings"][0]["severity"] == "error");
    CHECK(object["findings"][0]["kind"] == "path-mtu");
}

TEST_CASE("the text of a probe has the figures and the findings, and no control characters", "[cli][probe]") {
    const std::string text = cli::probe_text(report_of_small_frames());
    for (const char* part :
         {"e7.3 on eth1 (MTU 9000", "rack\\x0a7", "to the target: 1518 bytes, 1519 are lost",
          "back: not measured", "20 us", "20.0 ms", "error: Too\\x1b[31m long."})
        CHECK(has(text, part));
}

TEST_CASE("without an answer, the text of a probe has the findings only", "[cli][probe]") {
    aoetarget::ProbeReport report = report_of_small_frames();
    report.targets.clear();
    report.small = report.to_large = {};
    const std::string text = cli::probe_text(report);
    CHECK(has(text, "error: Too"));
    CHECK_FALSE(has(text, "Longest"));
}
