// Figures of the core: how long requests take, the oldest of them, the state of exports, and initiators.
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <aoetarget/latency.hpp>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::ExportStats;
using aoetarget::InitiatorStats;
using aoetarget::LatencyHistogram;
using aoetarget::RequestKind;
using aoetarget::core::InitiatorFigures;

namespace {

std::uint64_t count_of(const ExportStats& stats, RequestKind kind) {
    return stats.latency[static_cast<std::size_t>(kind)].count();
}

std::chrono::nanoseconds sum_of(const ExportStats& stats, RequestKind kind) {
    return stats.latency[static_cast<std::size_t>(kind)].sum;
}

/// The only bucket that has counted something.
std::size_t bucket_of(std::chrono::nanoseconds duration) {
    LatencyHistogram histogram;
    histogram.add(duration);
    std::size_t bucket = 0;
    while (histogram.counts.at(bucket) == 0)
        ++bucket;
    CHECK(histogram.count() == 1);
    return bucket;
}

std::vector<InitiatorStats> initiators(const CoreFixture& core) {
    return core.core.initiator_stats(core.now);
}

std::uint64_t requests_of(const InitiatorStats& stats, RequestKind kind) {
    return stats.requests[static_cast<std::size_t>(kind)];
}

} // namespace

TEST_CASE("each duration falls in the first bucket that is long enough", "[core][figures]") {
    const auto& bounds = LatencyHistogram::bounds;
    CHECK(bounds.front() == 10'000);
    CHECK(bounds.back() == 10'000'000'000);
    for (std::size_t i = 0; i + 4 < bounds.size(); ++i)
        CHECK(bounds[i + 4] == 10 * bounds[i]);
    CHECK(bucket_of(0ns) == 0);
    CHECK(bucket_of(-5s) == 0);
    CHECK(bucket_of(1ns) == 0);
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        CAPTURE(i);
        CHECK(bucket_of(std::chrono::nanoseconds(bounds[i])) == i);
        CHECK(bucket_of(std::chrono::nanoseconds(bounds[i] + 1)) == i + 1);
    }
    CHECK(bucket_of(std::chrono::nanoseconds::max()) == bounds.size());
}

TEST_CASE("a request is measured from its arrival to its answer", "[core][figures]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache());
    disk.immediate = false;
    core.arrival = core.now;
    core.send(read_request(0, 2));
    core.send(write_request(8, pattern(8, 2)));
    core.now += 3ms;
    core.turn();
    core.now += 4ms;
    core.drain(disk);
    ExportStats stats = core.stats();
    CHECK(count_of(stats, RequestKind::read) == 1);
    CHECK(count_of(stats, RequestKind::write) == 1);
    CHECK(sum_of(stats, RequestKind::read) == 7ms);
    CHECK(sum_of(stats, RequestKind::write) == 7ms);
    core.arrival = core.now;
    core.send(flush_request());
    core.turn();
    core.now += 2s;
    core.drain(disk);
    core.ask(identify_request()); // which the target answers without the device
    stats = core.stats();
    CHECK(sum_of(stats, RequestKind::flush) == 2s);
    CHECK(count_of(stats, RequestKind::other) == 0);
    core.check_nothing_left();
}

TEST_CASE("a request whose link does not know its arrival is not older than the turn", "[core][figures]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.turn();
    core.now += 5s; // a pause
    core.core.tell_time(core.now);
    core.send(read_request(0, 2));
    CHECK(initiators(core).front().last_seen == 0s);
    core.now += 1ms;
    core.turn();
    REQUIRE(core.stats().oldest_request);
    CHECK(*core.stats().oldest_request == 1ms);
    core.now += 1ms;
    core.drain(disk);
    CHECK(sum_of(core.stats(), RequestKind::read) == 2ms);
}

TEST_CASE("a request that is dropped is not measured", "[core][figures]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(read_request(0, 2));
    core.turn();
    disk.fail(EAGAIN);
    core.turn();
    CHECK(core.stats().dropped == 1);
    CHECK(count_of(core.stats(), RequestKind::read) == 0);
}

TEST_CASE("the oldest request under way is known by its arrival", "[core][figures]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    CHECK_FALSE(core.stats().oldest_request);
    core.arrival = core.now;
    core.send(read_request(0, 2));
    core.turn();
    core.now += 1s;
    core.arrival = core.now;
    core.send(read_request(64, 2));
    core.turn();
    core.now += 2s;
    REQUIRE(core.stats().oldest_request);
    CHECK(*core.stats().oldest_request == 3s);
    disk.complete();
    core.turn();
    REQUIRE(core.stats().oldest_request);
    CHECK(*core.stats().oldest_request == 2s);
    core.drain(disk);
    CHECK_FALSE(core.stats().oldest_request);
}

TEST_CASE("an export fails from its first error to its recovery", "[core][figures]") {
    CoreFixture core;
    core.turn();
    Disk& disk = core.add_export();
    core.now += 5s;
    CHECK(core.stats().state == ExportStats::State::ok);
    CHECK(core.stats().since_change == 5s);
    const int error = GENERATE(EIO, ENXIO);
    disk.error_of = [error](const Disk::Io&) { return error; };
    core.ask(read_request(0, 2));
    core.now += 2s;
    const auto expected = error == EIO ? ExportStats::State::failing : ExportStats::State::vanished;
    CHECK(core.stats().state == expected);
    CHECK(core.stats().since_change == 2s);
    core.ask(read_request(0, 2)); // which changes nothing
    CHECK(core.stats().since_change == 2s);
    disk.error_of = nullptr;
    core.ask(read_request(0, 2));
    core.now += 1s;
    CHECK(core.stats().state == ExportStats::State::ok);
    CHECK(core.stats().since_change == 1s);
    core.events.clear();
}

TEST_CASE("an export has its state also if nobody learns of events", "[core][figures]") {
    CoreFixture core({.hears_events = false});
    Disk& disk = core.add_export();
    disk.error_of = [](const Disk::Io&) { return ENXIO; };
    core.ask(read_request(0, 2));
    CHECK(core.stats().state == ExportStats::State::vanished);
}

TEST_CASE("an export that hangs fails until its device has ended what was given up", "[core][figures]") {
    CoreFixture core;
    Disk& disk = core.add_export_with({.address = {1, 1}, .device_timeout = 10s}, geometry_of(256));
    disk.immediate = false;
    core.turn();
    core.send(read_request(0, 2));
    core.turn();
    core.now += 10s;
    core.turn();
    CHECK(core.stats().state == ExportStats::State::failing);
    CHECK_FALSE(core.stats().oldest_request); // it was answered
    CHECK(count_of(core.stats(), RequestKind::read) == 1);
    core.drain(disk);
    CHECK(core.stats().state == ExportStats::State::ok);
    core.events.clear();
}

TEST_CASE("an export has no trouble any more when another device has taken over", "[core][figures]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.error_of = [](const Disk::Io&) { return EIO; };
    core.ask(read_request(0, 2));
    CHECK(core.stats().state == ExportStats::State::failing);
    core.replace_device(geometry_of(256));
    for (int i = 0; i < 4; ++i)
        core.turn();
    CHECK(core.stats().state == ExportStats::State::ok);
    core.events.clear();
}

TEST_CASE("requests are counted by initiator, export and kind", "[core][figures]") {
    CoreFixture core;
    core.add_export(with_cache());
    core.add_export(geometry_of(256), {1, 2});
    core.turn();
    core.now += 1s;
    core.turn();
    core.ask(read_request(0, 2));
    core.ask(read_request(4, 2));
    core.ask(write_request(8, pattern(8, 2)));
    core.ask(flush_request());
    core.ask(identify_request());
    core.ask(config_request());
    core.now += 2s;
    core.turn();
    core.ask(read_request(0, 2).to(1, 2).from(other_client_mac));
    core.now += 3s;
    const auto all = initiators(core);
    REQUIRE(all.size() == 2);
    CHECK(all[0].initiator == to_mac(client_mac));
    CHECK(all[0].exported == aoetarget::Address{1, 1});
    CHECK(requests_of(all[0], RequestKind::read) == 2);
    CHECK(requests_of(all[0], RequestKind::write) == 1);
    CHECK(requests_of(all[0], RequestKind::flush) == 1);
    CHECK(requests_of(all[0], RequestKind::other) == 2);
    CHECK(all[0].last_seen == 5s);
    CHECK(all[1].initiator == to_mac(other_client_mac));
    CHECK(all[1].exported == aoetarget::Address{1, 2});
    CHECK(requests_of(all[1], RequestKind::read) == 1);
    CHECK(all[1].last_seen == 3s);
}

TEST_CASE("copies of a request under way are repeats of their initiator", "[core][figures]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    const Request request = core.complete(*core.link, read_request(0, 2));
    for (int i = 0; i < 3; ++i)
        core.send(request);
    core.turn();
    core.drain(disk);
    const auto all = initiators(core);
    REQUIRE(all.size() == 1);
    CHECK(all[0].repeats == 2);
    CHECK(requests_of(all[0], RequestKind::read) == 3);
    core.forget();
}

TEST_CASE("the initiators of an export go with it", "[core][figures]") {
    CoreFixture core;
    core.add_export();
    core.add_export(geometry_of(256), {1, 2});
    core.ask(read_request(0, 2));
    core.ask(read_request(0, 2).to(1, 2));
    CHECK(initiators(core).size() == 2);
    core.core.remove_export({1, 1});
    const auto left = initiators(core);
    REQUIRE(left.size() == 1);
    CHECK(left[0].exported == aoetarget::Address{1, 2});
}

TEST_CASE("in a full table the pair that was silent for the longest time gives way", "[core][figures]") {
    auto figures = std::make_unique<InitiatorFigures>();
    constexpr unsigned most = InitiatorFigures::sets * InitiatorFigures::ways;
    aoetarget::core::Time now{1};
    const auto busy = to_mac(client_mac);
    for (unsigned i = 0; i < 20 * most; ++i) {
        figures->count(to_mac(numbered_mac(100 + i)), {7, 9}, RequestKind::read, ++now);
        figures->count(busy, {7, 9}, RequestKind::write, ++now);
    }
    const auto all = figures->stats(now);
    CHECK(all.size() <= most);
    CHECK(all.size() > most / 2);
    const auto found = std::ranges::find(all, busy, &InitiatorStats::initiator);
    REQUIRE(found != all.end());
    CHECK(requests_of(*found, RequestKind::write) == 20 * most);
    CHECK(found->last_seen == 0ns);
    const auto newest = to_mac(numbered_mac(100 + 20 * most - 1));
    CHECK(std::ranges::find(all, newest, &InitiatorStats::initiator) != all.end());
    for (const InitiatorStats& each : all)
        CHECK(each.exported == aoetarget::Address{7, 9});
}

TEST_CASE("exports whose addresses differ in one part only are told apart", "[core][figures]") {
    auto figures = std::make_unique<InitiatorFigures>();
    const auto mac = to_mac(client_mac);
    const std::vector<aoetarget::Address> addresses{{1, 1}, {1, 2}, {2, 1}, {257, 1}, {65534, 254}};
    for (int round = 0; round < 3; ++round) {
        for (const auto& address : addresses)
            figures->count(mac, address, RequestKind::read, std::chrono::seconds(1 + round));
    }
    figures->count_repeat(mac, addresses[2]);
    figures->count_repeat(mac, {9, 9}); // nobody knows it
    const auto all = figures->stats(5s);
    REQUIRE(all.size() == addresses.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        CHECK(all[i].exported == addresses[i]);
        CHECK(all[i].initiator == mac);
        CHECK(requests_of(all[i], RequestKind::read) == 3);
        CHECK(all[i].repeats == (i == 2 ? 1 : 0));
        CHECK(all[i].last_seen == 2s);
    }
}
