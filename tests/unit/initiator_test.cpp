// The parts of the initiator's side that need no network: the search for the longest frame, and what the
// figures of a probe mean.
#include "catch.hpp"

#include "initiator/length_search.hpp"
#include "initiator/verdict.hpp"

#include <array>
#include <functional>
#include <string>
#include <vector>

using namespace aoetarget;
using initiator::LengthSearch;
using Kind = ProbeFindingKind;

namespace {

struct Search {
    std::size_t limit = 0;
    unsigned tries = 0, losses = 0;
};

Search search(std::size_t smallest, std::size_t largest, std::size_t limit,
              std::span<const std::size_t> hints = {}) {
    LengthSearch lengths(smallest, largest, hints);
    Search result;
    for (auto length = lengths.next(); length; length = lengths.next()) {
        REQUIRE(*length >= smallest);
        REQUIRE(*length <= largest);
        REQUIRE(++result.tries < 64);
        result.losses += *length > limit ? 1U : 0U;
        lengths.tried(*length, *length <= limit);
    }
    result.limit = lengths.limit();
    return result;
}

DiscoveredTarget target_at(std::uint8_t number, const std::string& serial) {
    DiscoveredTarget target;
    target.address = {1, 1};
    target.mac = {{2, 0, 0, 0, 0, number}};
    target.sectors_per_frame = 16;
    target.buffer_count = 128;
    target.sectors = 8192;
    target.serial = serial;
    return target;
}

ProbedSeries series(unsigned sent = 300, unsigned answered = 300) {
    ProbedSeries result;
    result.sent = sent;
    result.answered = answered;
    return result;
}

/// Jumbo frames at both ends, and nothing wrong in between.
ProbeReport healthy() {
    ProbeReport report;
    report.interface = "eth1";
    report.mtu = 9000;
    report.mac = {{2, 0, 0, 0, 0, 0xAA}};
    report.address = {1, 1};
    report.targets = {target_at(1, "LAB-1")};
    report.sectors_in_use = 16;
    report.bytes_in_use = initiator::frame_bytes(16);
    report.to_target = {9014, 0};
    report.from_target = {report.bytes_in_use, 0};
    report.small = report.to_large = report.from_large = series();
    report.answers_at_end = true;
    return report;
}

ProbeReport with(const std::function<void(ProbeReport&)>& change) {
    ProbeReport report = healthy();
    change(report);
    return report;
}

} // namespace

TEST_CASE("the search finds every limit, whatever the hints", "[initiator]") {
    const std::array<std::size_t, 2> hints{20, 23};
    for (std::size_t limit = 9; limit <= 50; ++limit) {
        CAPTURE(limit);
        CHECK(search(10, 50, limit).limit == limit);
        CHECK(search(10, 50, limit, hints).limit == limit);
    }
    CHECK(search(7, 7, 7).limit == 7);
    CHECK(search(7, 7, 6).limit == 6);
    CHECK(search(10, 9, 9).tries == 0);
}

TEST_CASE("a path without a limit takes one try, and a usual limit few that are lost", "[initiator]") {
    const std::array<std::size_t, 2> hints{1514, 1519};
    CHECK(search(549, 9014, 9014, hints).tries == 1);
    CHECK(search(549, 9014, 1514, hints).losses <= 4);
    CHECK(search(549, 9014, 1518, hints).losses == 2);
}

TEST_CASE("figures in order are told as fine, and as nothing else", "[initiator]") {
    const auto findings = initiator::judge(healthy());
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].kind == Kind::fine);
    CHECK(findings[0].severity == Severity::notice);
    CHECK(findings[0].text.find("8228 bytes (16 sectors)") != std::string::npos);
}

TEST_CASE("each fault is told with its cause, its cure and its weight", "[initiator]") {
    struct Row {
        const char* name;
        std::function<void(ProbeReport&)> change;
        Kind kind;
        Severity severity;
        std::vector<std::string> says;
    };
    const Row table[] = {
        {"no answer",
         [](ProbeReport& report) { report.targets.clear(); },
         Kind::no_answer,
         Severity::error,
         {"No target answers as e1.1 on eth1", "VLAN", "allow", "02:00:00:00:00:aa", "firewall"}},
        {"no answer on a port",
         [](ProbeReport& report) {
             report.targets.clear();
             report.port_of = "br0";
         },
         Kind::no_answer,
         Severity::error,
         {"eth1 is a port of br0", "probe br0 instead"}},
        {"another slot",
         [](ProbeReport& report) {
             report.others = {target_at(2, "LAB-2")};
             report.others[0].address = {1, 2};
             report.targets.clear();
         },
         Kind::other_targets,
         Severity::notice,
         {"e1.2", "shelf and slot"}},
        {"broadcasts only",
         [](ProbeReport& report) { report.small = series(40, 0); },
         Kind::unicast_silent,
         Severity::error,
         {"02:00:00:00:00:01", "switch"}},
        {"it ends",
         [](ProbeReport& report) { report.answers_at_end = false; },
         Kind::fell_silent,
         Severity::error,
         {"still runs"}},
        {"it ends, and the way there is too narrow",
         [](ProbeReport& report) {
             report.answers_at_end = false;
             report.to_target = {1518, 1519};
             report.from_target = {};
         },
         Kind::path_mtu,
         Severity::error,
         {"Requests of 1519 bytes or more do not reach the target, although"}},
        {"a switch with 1500",
         [](ProbeReport& report) {
             report.to_target = {1518, 1519};
             report.from_target = {1060, 1572};
         },
         Kind::path_mtu,
         Severity::error,
         {"Requests of 1519 bytes or more do not reach the target, and answers of 1572 bytes or more do not "
          "come back",
          "MTU of this interface is 9000", "advertises 16 sectors", "reads and writes", "to 8228 or more",
          "set the MTU of this interface to 1500", "sectors-per-frame=2"}},
        {"too narrow on the way there",
         [](ProbeReport& report) {
             report.to_target = {3014, 3015};
         },
         Kind::path_mtu,
         Severity::error,
         {"Requests of 3015 bytes", "answers do come back", "their writes are lost",
          "set the MTU of this interface to 2596", "sectors-per-frame=5"}},
        {"too narrow on the way back",
         [](ProbeReport& report) {
             report.from_target = {1060, 1572};
         },
         Kind::path_mtu,
         Severity::error,
         {"Answers of 1572 bytes", "requests do reach it", "their reads are lost"}},
        {"no read comes back",
         [](ProbeReport& report) {
             report.from_target = {0, 548};
         },
         Kind::path_mtu,
         Severity::error,
         {"Answers of 548 bytes or more do not come back", "to 8228 or more."}},
        {"a small MTU here",
         [](ProbeReport& report) {
             report.mtu = 1500;
             report.sectors_in_use = 2;
             report.bytes_in_use = initiator::frame_bytes(2);
             report.to_target = {1514, 0};
             report.from_target = {1060, 0};
         },
         Kind::frame_limit,
         Severity::notice,
         {"takes 16 sectors", "carries 2", "MTU of 8228 here"}},
        {"a small MTU there",
         [](ProbeReport& report) {
             report.targets[0].sectors_per_frame = report.sectors_in_use = 2;
             report.bytes_in_use = initiator::frame_bytes(2);
             report.to_target = {1518, 1519};
             report.from_target = {1060, 0};
         },
         Kind::frame_limit,
         Severity::notice,
         {"carries 17 sectors", "advertises 2", "sectors-per-frame"}},
        {"an MTU that carries nothing",
         [](ProbeReport& report) {
             report.mtu = 400;
             report.sectors_in_use = 0;
             report.answers_at_end = false;
         },
         Kind::frame_limit,
         Severity::error,
         {"MTU of eth1 is 400", "1500"}},
        {"padding is not taken",
         [](ProbeReport& report) { report.to_target = {}; },
         Kind::padding_dropped,
         Severity::warning,
         {"trailing bytes", "without writing"}},
        {"reserved",
         [](ProbeReport& report) { report.refusal = "it is reserved for other hosts"; },
         Kind::reads_refused,
         Severity::error,
         {"it is reserved for other hosts"}},
        {"no IDENTIFY",
         [](ProbeReport& report) { report.targets[0].sectors = 0; },
         Kind::not_identified,
         Severity::error,
         {"IDENTIFY DEVICE"}},
        {"one buffer",
         [](ProbeReport& report) { report.targets[0].buffer_count = 1; },
         Kind::few_buffers,
         Severity::error,
         {"buffer count of 1"}},
        {"two disks",
         [](ProbeReport& report) { report.targets.push_back(target_at(2, "LAB-2")); },
         Kind::address_conflict,
         Severity::error,
         {"02:00:00:00:00:01 and 02:00:00:00:00:02", "LAB-1 and LAB-2", "address of its own"}},
        {"two paths",
         [](ProbeReport& report) { report.targets.push_back(target_at(2, "LAB-1")); },
         Kind::several_paths,
         Severity::notice,
         {"2 MAC addresses", "path to 02:00:00:00:00:01"}},
        {"two that were not compared",
         [](ProbeReport& report) {
             report.targets.push_back(target_at(2, ""));
             report.targets[1].sectors = 0;
         },
         Kind::several_paths,
         Severity::warning,
         {"check that it is one disk"}},
        {"some loss",
         [](ProbeReport& report) { report.from_large = series(300, 290); },
         Kind::loss,
         Severity::warning,
         {"10 of 300 long answers", "short frames are not lost", "ip -s link"}},
        {"heavy loss",
         [](ProbeReport& report) { report.small = series(300, 100); },
         Kind::loss,
         Severity::error,
         {"200 of 300 short requests"}},
        {"duplicates",
         [](ProbeReport& report) { report.small.duplicates = 7; },
         Kind::duplicates,
         Severity::warning,
         {"7 answers", "loop"}},
        {"another order",
         [](ProbeReport& report) { report.from_large.reordered = 3; },
         Kind::reordering,
         Severity::notice,
         {"3 of 900 requests"}},
    };
    for (const Row& row : table) {
        const ProbeReport report = with(row.change);
        const auto findings = initiator::judge(report);
        const auto found = std::ranges::find(findings, row.kind, &ProbeFinding::kind);
        CAPTURE(row.name);
        REQUIRE(found != findings.end());
        CAPTURE(found->text);
        CHECK(found->severity == row.severity);
        for (const std::string& part : row.says) {
            CAPTURE(part);
            CHECK(found->text.find(part) != std::string::npos);
        }
        CHECK(std::ranges::is_sorted(findings, {}, &ProbeFinding::severity));
        const bool is_well = findings.front().kind == Kind::fine;
        CHECK(is_well == std::ranges::all_of(findings, [](const ProbeFinding& finding) {
                  return finding.severity == Severity::notice;
              }));
        CHECK_FALSE(name(found->kind).empty());
    }
}
