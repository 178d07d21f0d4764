// Requests that a device does not finish in time are answered all the same, and nothing is done that could
// meet them when they end (Core::give_up_overdue()).
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <cerrno>

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::EventKind;
using Op = Disk::Op;

namespace {

struct TimeoutFixture : CoreFixture {
    explicit TimeoutFixture(const aoetarget::Geometry& geometry = geometry_of(256),
                            std::chrono::milliseconds timeout = 150s)
        : disk(add_export_with({.address = {1, 1}, .device_timeout = timeout}, geometry)) {
        disk.immediate = false;
        for (int i = 0; i < 4; ++i)
            wait(1s); // until it is announced
        take_advertisements();
    }

    void wait(aoetarget::core::Time time) {
        now += time;
        turn();
    }
    bool timed_out(std::uint32_t tag) {
        const auto all = replies(tag);
        return all.size() == 1 && all[0].status() == status_fault && all[0].ata_error() == error_abort;
    }

    Disk& disk;
};

} // namespace

TEST_CASE("a request that the device has not finished in time is a fault, and its late end is no answer",
          "[core][timeout]") {
    const Request request = GENERATE(read_request(4, 2), write_request(4, pattern(4, 2, 1)), flush_request(),
                                     ata_request(ata::read_verify_ext, 0, 2, 4));
    const int error = GENERATE(0, EIO);
    TimeoutFixture core;
    const std::uint32_t tag = core.send(request);
    core.turn();
    core.wait(150s - 1ms);
    CHECK_FALSE(core.answered(tag));
    CHECK(core.events.empty());
    core.wait(1ms);
    CHECK(core.timed_out(tag));
    CHECK(core.take_event(EventKind::device_timed_out).find("not finished within 150 s") !=
          std::string::npos);
    REQUIRE(core.disk.pending.size() == 1);
    CHECK(core.link->free_slots() == core.link->pool().slots() - 1); // its memory stays with the device
    error == 0 ? core.disk.complete() : core.disk.fail(error);
    core.turn();
    CHECK_FALSE(core.answered(tag));
    CHECK(core.stats().ata_errors == 1);
    CHECK(core.stats().in_flight == 0);
}

TEST_CASE("what overlaps a request that was given up waits until the device has ended it",
          "[core][timeout]") {
    TimeoutFixture core;
    const std::uint32_t first = core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    core.wait(150s);
    CHECK(core.timed_out(first));
    const std::uint32_t second = core.send(write_request(5, pattern(5, 2, 2)));
    const std::uint32_t elsewhere = core.send(write_request(100, pattern(100, 1, 2)));
    core.turn();
    REQUIRE(core.disk.pending.size() == 2);
    core.disk.complete(1);
    core.turn();
    CHECK(core.reply(elsewhere).succeeded());
    core.disk.complete(); // the late one
    core.turn();
    core.drain(core.disk);
    CHECK(core.reply(second).succeeded());
    CHECK(core.disk.sectors(5, 2) == pattern(5, 2, 2));
}

TEST_CASE("requests that wait for one that hangs are answered in time, and never carried out",
          "[core][timeout]") {
    TimeoutFixture core;
    core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    core.wait(50s);
    const std::uint32_t one = core.send(write_request(4, pattern(4, 2, 2)));
    const std::uint32_t neighbour = core.send(write_request(6, pattern(6, 2, 2))); // joins the other or waits
    core.turn();
    core.wait(100s);
    core.take_event(EventKind::device_timed_out);
    CHECK_FALSE(core.answered(one));
    core.wait(50s);
    CHECK(core.timed_out(one));
    CHECK(core.events.empty()); // it was told
    core.replies(neighbour);
    core.drain(core.disk);
    CHECK(core.disk.sectors(4, 2) == pattern(4, 2, 1));
    CHECK_FALSE(core.take_event(EventKind::device_recovered).empty());
}

TEST_CASE("of neighbours that became one operation each has its own time", "[core][timeout]") {
    const bool is_begun = GENERATE(true, false);
    const int error = GENERATE(0, EIO);
    TimeoutFixture core;
    if (!is_begun)
        core.send(write_request(4, pattern(4, 8, 1)));
    core.turn();
    core.arrival = core.now;
    const std::uint32_t early = core.send(write_request(4, pattern(4, 2, 2)));
    core.arrival = core.now + 10s;
    const std::uint32_t late = core.send(write_request(6, pattern(6, 2, 2)));
    core.turn();
    REQUIRE(core.disk.pending.size() == 1);
    core.wait(150s);
    CHECK(core.timed_out(early));
    CHECK_FALSE(core.answered(late));
    if (is_begun && error != 0)
        core.disk.fail(error);
    core.drain(core.disk);
    CHECK(core.reply(late).succeeded());
    CHECK(core.disk.sectors(6, 2) == pattern(6, 2, 2));
    if (!is_begun || error != 0)
        CHECK(core.disk.sectors(4, 2) == (is_begun ? pattern(4, 2) : pattern(4, 2, 1)));
}

TEST_CASE("a copy of a request that was given up is a request of its own, and the newest copy got the answer",
          "[core][timeout]") {
    TimeoutFixture core;
    core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    core.wait(100s);
    const std::uint32_t copy = core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    CHECK(core.stats().duplicates == 1);
    core.wait(50s); // counted from the first
    CHECK(core.timed_out(copy));
    const std::uint32_t again = core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    CHECK(core.stats().duplicates == 1);
    core.drain(core.disk);
    CHECK(core.reply(again).succeeded());
}

TEST_CASE("a request of several steps that was given up is not continued", "[core][timeout]") {
    aoetarget::Geometry geometry = geometry_of(65536, 4096);
    geometry.discard = true;
    const Request request = GENERATE(write_request(4, pattern(4, 8, 1)), trim_request({{0, 8}, {64, 8}}),
                                     ata_request(0x42, 0, 0, 0));
    TimeoutFixture core(geometry);
    const std::uint32_t tag = core.send(request);
    core.turn();
    core.wait(150s);
    CHECK(core.timed_out(tag));
    REQUIRE(core.disk.pending.size() == 1);
    core.disk.complete();
    core.turn();
    CHECK(core.disk.pending.empty());
    CHECK(core.ask(config_request()).bytes.size() >= 60);
}

TEST_CASE("without a free slot the answer waits for one", "[core][timeout]") {
    TimeoutFixture core;
    std::vector<std::uint32_t> tags;
    for (std::uint64_t i = 0; i < core.link->pool().slots(); ++i)
        tags.push_back(core.send(read_request(4 * i, 1)));
    core.turn();
    const std::size_t under_way = core.disk.pending.size();
    REQUIRE(under_way > 4);
    auto& pool = core.link->pool();
    std::vector<aoetarget::core::FrameSlot> taken;
    while (auto slot = pool.take())
        taken.push_back(std::move(*slot));
    const std::size_t before = core.answers();
    core.wait(150s);
    CHECK(core.answers() == before);
    REQUIRE(core.core.next_deadline());                   // it tries again soon,
    CHECK(*core.core.next_deadline() <= core.now + 10ms); // and does not spin
    CHECK(*core.core.next_deadline() > core.now);
    taken.clear();
    core.turn();
    std::size_t answered = 0;
    for (const std::uint32_t tag : tags)
        answered += core.timed_out(tag) ? 1 : 0;
    CHECK(answered == under_way);
    core.drain(core.disk);
}

TEST_CASE("nobody has to look at the time when nothing is under way", "[core][timeout]") {
    TimeoutFixture core(geometry_of(256), 5s);
    CHECK_FALSE(core.core.next_deadline());
    core.send(read_request(4, 2));
    core.turn();
    core.wait(1s); // no stall is to be looked for any more
    REQUIRE(core.core.next_deadline());
    CHECK(*core.core.next_deadline() == core.now + 4s);
    core.drain(core.disk);
    core.wait(1s);
    CHECK_FALSE(core.core.next_deadline());
}

TEST_CASE("a device may take as long as it likes where the host says so", "[core][timeout]") {
    TimeoutFixture core(geometry_of(256), 0s);
    core.add_export_with({.address = {1, 2}, .device_timeout = 1s}, geometry_of(256));
    const std::uint32_t tag = core.send(read_request(4, 2));
    core.turn();
    core.wait(24h);
    CHECK_FALSE(core.answered(tag));
    core.drain(core.disk);
    CHECK(core.reply(tag).succeeded());
}

TEST_CASE("a fence waits for a write that was given up", "[core][timeout]") {
    TimeoutFixture core;
    const std::uint32_t write = core.send(write_request(4, pattern(4, 2, 1)).from(other_client_mac));
    core.turn();
    const std::uint32_t fence = core.send(reserve_request(reserve_set, {client_mac}));
    core.turn();
    core.wait(150s);
    CHECK(core.timed_out(write));
    CHECK_FALSE(core.answered(fence));
    core.drain(core.disk);
    CHECK(core.answered(fence));
}

TEST_CASE("requests that wait for a device to give way to another are answered in time", "[core][timeout]") {
    TimeoutFixture core;
    core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    Disk& next = core.replace_device(geometry_of(256));
    const std::uint32_t read = core.send(read_request(100, 2));
    core.turn();
    core.wait(150s);
    CHECK(core.timed_out(read));
    core.drain(core.disk);
    CHECK(next.operations == 0);
    CHECK(core.ask(read_request(100, 2)).succeeded());
}

TEST_CASE("a disk that hangs is not called recovered because it does other work", "[core][timeout]") {
    TimeoutFixture core;
    core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    core.wait(150s);
    CHECK_FALSE(core.take_event(EventKind::device_timed_out).empty());
    core.wait(40s);
    const std::uint32_t elsewhere = core.send(write_request(100, pattern(100, 1, 2)));
    core.turn();
    core.disk.complete(1);
    core.turn();
    CHECK(core.reply(elsewhere).succeeded());
    core.wait(2s);
    CHECK(core.events.empty());
    core.disk.complete();
    core.turn();
    CHECK_FALSE(core.take_event(EventKind::device_recovered).empty());
}

TEST_CASE("a disk that ends what hung with an error has recovered when it carries something out",
          "[core][timeout]") {
    TimeoutFixture core;
    core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    core.wait(150s);
    CHECK_FALSE(core.take_event(EventKind::device_timed_out).empty());
    core.disk.fail(EIO);
    core.wait(2s);
    CHECK(core.events.empty());
    const std::uint32_t again = core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    core.drain(core.disk);
    CHECK(core.reply(again).succeeded());
    CHECK_FALSE(core.take_event(EventKind::device_recovered).empty());
}

TEST_CASE("requests for which a hanging disk leaves no room are answered, too", "[core][timeout]") {
    const bool has_others = GENERATE(false, true);
    const auto work = GENERATE(0, 1);
    TimeoutFixture core;
    if (has_others)
        core.add_export(geometry_of(256), {1, 2});
    core.wait(5s);
    core.take_advertisements();
    std::vector<std::uint32_t> first;
    for (std::uint64_t i = 0; i < 60; ++i)
        first.push_back(core.send(read_request(4 * i, 1)));
    core.turn();
    const std::size_t under_way = core.disk.pending.size();
    REQUIRE(under_way > 0);
    REQUIRE(core.stats().overload > 0);
    core.wait(150s);
    std::size_t answered = 0;
    for (const std::uint32_t tag : first)
        answered += core.timed_out(tag) ? 1 : 0;
    CHECK(answered == under_way);
    const std::uint64_t turned_away = core.stats().overload;
    const std::uint32_t next = core.send(
        work == 0 ? read_request(250, 1) : write_request(250, pattern(250, 1, 1))); // or Linux crashes
    core.turn();
    CHECK(core.timed_out(next));
    CHECK(core.stats().overload == turned_away);
    core.drain(core.disk);
    CHECK(core.ask(config_request()).bytes.size() >= 60);
    const std::uint32_t last = core.send(read_request(250, 1));
    core.turn();
    core.drain(core.disk);
    CHECK(core.reply(last).succeeded());
}

TEST_CASE("a busy disk that hangs at one place does not fail what it has no room for", "[core][timeout]") {
    TimeoutFixture core;
    core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    core.wait(150s);
    for (std::uint64_t i = 2; i < 62; ++i)
        core.send(read_request(4 * i, 1));
    core.turn();
    CHECK(core.stats().overload > 0);
    CHECK(core.stats().ata_errors == 1);
    core.drain(core.disk);
}
