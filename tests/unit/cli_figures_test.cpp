// The figures of a target: as JSON in packets, and as rates.
#include "catch.hpp"
#include "snapshots.hpp"

#include "control/control_socket.hpp"
#include "failure.hpp"
#include "figures/rates.hpp"
#include "figures/short_text.hpp"
#include "figures/stats_json.hpp"
#include "figures/stats_text.hpp"
#include "service/figure_pages.hpp"
#include "service/joined_stats.hpp"

#include <nlohmann/json.hpp>

using namespace std::chrono_literals;
using aoetest::largest_stats, aoetest::snapshot_of_reads;
using nlohmann::json;

TEST_CASE("figures come out of JSON as they went in", "[cli][figures]") {
    aoetarget::Stats stats = largest_stats(1, 1);
    aoetarget::ExportStats& exported = stats.exports[0];
    for (std::size_t i = 0; i < cli::export_counters.size(); ++i)
        exported.*cli::export_counters[i].member = 1000 + i;
    exported.since_change = 1500ms;
    exported.oldest_request = 250ms;
    exported.sectors_read = 11;
    exported.latency[1] = {};
    exported.latency[0] = {};
    exported.latency[0].add(15us);
    exported.latency[0].add(20s);
    const json object = json::parse(cli::to_json(exported).dump());
    std::vector<aoetarget::ExportStats> read{cli::export_stats_from_json(object)};
    cli::take_latencies(json::parse(cli::latencies_to_json(exported).dump()), read);
    CHECK(cli::to_json(read[0]) == object);
    CHECK(cli::latencies_to_json(read[0]) == cli::latencies_to_json(exported));
    CHECK_FALSE(cli::latencies_to_json(exported).contains("write"));
    CHECK(read[0].oldest_request == 250ms);

    exported.oldest_request.reset();
    CHECK(cli::to_json(exported).at("oldest-request").is_null());
    CHECK_FALSE(cli::export_stats_from_json(cli::to_json(exported)).oldest_request);

    const json initiator = cli::to_json(stats.initiators[0]);
    CHECK(cli::to_json(cli::initiator_stats_from_json(initiator)) == initiator);
    aoetarget::InterfaceStats interface;
    for (std::size_t i = 0; i < cli::interface_counters.size(); ++i)
        interface.*cli::interface_counters[i].member = 2000 + i;
    interface.name = "eth1";
    interface.entry = "eth*";
    interface.up = true;
    interface.buffers = 64;
    interface.buffers_bound = "the receive buffer has room for 64 frames at this MTU";
    CHECK(cli::to_json(cli::interface_stats_from_json(cli::to_json(interface))) == cli::to_json(interface));
}

TEST_CASE("a state that is unknown is refused", "[cli][figures]") {
    json object = cli::to_json(aoetarget::ExportStats());
    for (const auto state : cli::all_export_states) {
        object["state"] = to_string(state);
        CHECK(cli::export_stats_from_json(object).state == state);
    }
    object["state"] = "asleep\n";
    CHECK_THROWS_AS(cli::export_stats_from_json(object), cli::Failure);
}

namespace {

json as_json(const aoetarget::ExportStats& exported) {
    return cli::to_json(exported);
}

/// Asks for page after page, and returns how many items there were.
template <typename Add, typename AfterOf>
std::size_t count_in_pages(const char* key, Add add, AfterOf after_of) {
    std::size_t items = 0;
    json request = json::object();
    for (;;) {
        json reply{{"ok", true}};
        add(reply, request);
        CHECK(reply.dump().size() + 2048 < cli::max_control_bytes);
        items += reply.at(key).size();
        if (reply.at("more") == false)
            return items;
        REQUIRE_FALSE(reply.at(key).empty());
        request["after"] = after_of(reply.at(key).back());
    }
}

json address_of(const json& item) {
    return item.at("address");
}

} // namespace

TEST_CASE("a page has fewer exports beside many interfaces", "[cli][figures]") {
    const aoetarget::Stats stats = largest_stats(1000, 1);
    for (const std::size_t beside : {150'000U, 200'000U}) {
        json reply{{"interfaces", std::string(beside, 'x')}};
        cli::add_exports(reply, stats, {}, as_json);
        CHECK_FALSE(reply.at("exports").empty());
        CHECK(reply.dump().size() < cli::max_control_bytes);
    }
}

TEST_CASE("the largest figures of 1000 exports and 2000 initiators come in packets", "[cli][figures]") {
    const aoetarget::Stats stats = largest_stats(1000, 2000);
    CHECK(count_in_pages(
              "exports",
              [&](json& reply, const json& request) {
                  cli::add_exports(reply, stats, cli::export_after(request), as_json);
              },
              address_of) == 1000);
    CHECK(count_in_pages(
              "latencies",
              [&](json& reply, const json& request) {
                  cli::add_latencies(reply, stats, cli::export_after(request));
              },
              address_of) == 1000);
    CHECK(count_in_pages(
              "initiators",
              [&](json& reply, const json& request) {
                  cli::add_initiators(reply, stats, cli::initiator_after(request));
              },
              [](const json& item) {
                  return json{{"export", item.at("export")}, {"initiator", item.at("initiator")}};
              }) == 2000);
}

TEST_CASE("a page begins behind what is named, also if that has gone", "[cli][figures]") {
    const aoetarget::Stats stats = largest_stats(3, 3);
    const auto first = [&](const json& after) {
        json reply;
        cli::add_exports(reply, stats, cli::export_after({{"after", after}}), as_json);
        return reply.at("exports").empty() ? json("nothing") : reply.at("exports")[0].at("address");
    };
    CHECK(first("e1.1") == "e60000.0");
    CHECK(first("e60000.0") == "e60000.1");
    CHECK(first("e60000.2") == "nothing");
    CHECK_THROWS_AS(cli::export_after({{"after", "1"}}), cli::Failure);
    CHECK_THROWS_AS(cli::initiator_after({{"after", {{"export", "1.1"}, {"initiator", "x"}}}}), cli::Failure);
    CHECK_THROWS(cli::initiator_after({{"after", "e1.1"}}));
}

TEST_CASE("the figures of several threads are in one order", "[cli][figures]") {
    std::vector<aoetarget::Stats> threads(2);
    threads[0].exports.resize(1);
    threads[0].exports[0].address = {2, 1};
    threads[1].exports.resize(1);
    threads[1].exports[0].address = {1, 1};
    threads[0].initiators.resize(2);
    threads[0].initiators[0].exported = threads[0].initiators[1].exported = {2, 1};
    threads[0].initiators[0].initiator.bytes[5] = 9;
    threads[1].initiators.resize(1);
    threads[1].initiators[0].exported = {1, 1};
    const aoetarget::Stats joined = cli::join(threads);
    CHECK(joined.exports[0].address == aoetarget::Address{1, 1});
    REQUIRE(joined.initiators.size() == 3);
    CHECK(joined.initiators[0].exported == aoetarget::Address{1, 1});
    CHECK(joined.initiators[1].initiator.bytes[5] == 0);
    CHECK(cli::join({threads[0]}).initiators[0].initiator.bytes[5] == 0);
}

TEST_CASE("a percentile is the upper bound of its bucket", "[cli][figures]") {
    aoetarget::LatencyHistogram histogram;
    CHECK_FALSE(cli::percentiles_of(histogram).p50);
    for (int i = 0; i < 98; ++i)
        histogram.add(150us);
    CHECK(cli::percentiles_of(histogram).p50 == 200us);
    CHECK(cli::percentiles_of(histogram).p99 == 200us);
    histogram.add(7ms);
    histogram.add(7ms);
    CHECK(cli::percentiles_of(histogram).p50 == 200us);
    CHECK(cli::percentiles_of(histogram).p99 == 10ms);
    histogram = {};
    histogram.add(10us);
    histogram.add(11s);
    CHECK(cli::percentiles_of(histogram).p50 == 10us);
    CHECK(cli::percentiles_of(histogram).p99 == cli::Percentiles::beyond);
}

TEST_CASE("rates are the difference of two snapshots over the time between them", "[cli][figures]") {
    const cli::Snapshot before = snapshot_of_reads(10, 1000, 5s);
    cli::Snapshot now = snapshot_of_reads(12, 1400, 5s);
    now.stats.exports[0].latency = before.stats.exports[0].latency;
    for (int i = 0; i < 400; ++i)
        now.stats.exports[0].latency[0].add(15us);
    const cli::Rates rates = cli::rates_between(before, now);
    CHECK(rates.period.count() == 2);
    CHECK(rates.exports[0].reads == 200);
    CHECK(rates.exports[0].writes == 0);
    CHECK(rates.exports[0].bytes() == 200 * 4096);
    CHECK(rates.exports[0].read.p99 == 20us);
    CHECK_FALSE(rates.exports[0].write.p99);
    CHECK(rates.interfaces[0].frames() == 400);
    CHECK(rates.initiators[0].requests() == 200);
}

TEST_CASE("what is new or was counted anew counts from zero", "[cli][figures]") {
    cli::Snapshot before = snapshot_of_reads(10, 1000, 1ms);
    cli::Snapshot now = snapshot_of_reads(11, 50, 1ms);
    CHECK(cli::rates_between(before, now).exports[0].reads == 50);
    before.stats.exports[0].address = {2, 2};
    before.stats.interfaces.clear();
    before.stats.initiators.clear();
    CHECK(cli::rates_between(before, now).exports[0].reads == 50);
    CHECK(cli::rates_between(before, now).initiators[0].reads == 50);
    before = snapshot_of_reads(10, 10, 1ms);
    before.process = 16; // another process: the time is that since the start
    CHECK(cli::rates_between(before, now).exports[0].reads == 50.0 / 11);
    CHECK(cli::rates_since_start(now).exports[0].reads == 50.0 / 11);
    CHECK(cli::rates_since_start(now).exports[0].read.p50 == 1ms);
}

TEST_CASE("two snapshots of one moment give no endless rates", "[cli][figures]") {
    const cli::Snapshot before = snapshot_of_reads(10, 1000, 1ms);
    const cli::Rates rates = cli::rates_between(before, before);
    CHECK(rates.exports[0].reads == 0);
    CHECK(cli::rates_between(before, snapshot_of_reads(10, 1001, 1ms)).exports[0].reads == 1000);
}

TEST_CASE("numbers are short", "[cli][figures]") {
    CHECK(cli::short_count(0) == "0");
    CHECK(cli::short_count(0.04) == "0");
    CHECK(cli::short_count(7.25) == "7.2");
    CHECK(cli::short_count(9.96) == "10");
    CHECK(cli::short_count(999.4) == "999");
    CHECK(cli::short_count(999.6) == "1k");
    CHECK(cli::short_count(123456) == "123k");
    CHECK(cli::short_count(1.8e19) == "18E");
    CHECK(cli::short_bytes(512) == "512");
    CHECK(cli::short_bytes(1536) == "1.5K");
    CHECK(cli::short_bytes(20.0 * (1 << 30)) == "20G");
    CHECK(cli::short_time(0ns) == "0us");
    CHECK(cli::short_time(300us) == "300us");
    CHECK(cli::short_time(5ms) == "5ms");
    CHECK(cli::short_time(1200ms) == "1.2s");
    CHECK(cli::short_time(119s) == "119s");
    CHECK(cli::short_time(121s) == "2m");
    CHECK(cli::short_time(47h) == "47h");
    CHECK(cli::short_time(49h) == "2d");
    CHECK(cli::short_bound(std::nullopt) == "-");
    CHECK(cli::short_bound(cli::Percentiles::beyond) == ">10s");
}

TEST_CASE("stats are a table, or an object in one line", "[cli][figures]") {
    const cli::Rates rates =
        cli::rates_between(snapshot_of_reads(10, 0, 15us), snapshot_of_reads(12, 4000, 15us));
    const std::string table = cli::stats_table(rates);
    CHECK(table.substr(0, 6) == "EXPORT");
    CHECK(table.find("\ne1.1    ok     2k      0        7.8M     20us   20us   -      -      0      -\n") !=
          std::string::npos);
    const std::string line = cli::stats_json(rates, 1234.5);
    CHECK(line.find('\n') == std::string::npos);
    const json object = json::parse(line);
    CHECK(object.at("time") == 1234.5);
    CHECK(object.at("seconds") == 2);
    CHECK(object.at("exports")[0].at("reads") == 2000);
    CHECK(object.at("exports")[0].at("read-p99") == 20e-6);
    CHECK(object.at("exports")[0].at("write-p99").is_null());
    CHECK(object.at("interfaces")[0].at("received") == 2000);
    CHECK(object.at("initiators")[0].at("reads") == 2000);
}
