// The slots that one sender may hold while others send requests (holdings.hpp).
#include "core_fixture.hpp"
#include "support/catch.hpp"

using namespace aoetest;

namespace {

constexpr std::uint64_t sectors = 4096;
const Mac greedy = numbered_mac(0x77);

void drain(CoreFixture& core) {
    for (Disk& disk : core.disks)
        core.drain(disk);
}

/// Writes that have nothing to do with each other, to exports 1.1 to 1.`exports` in turn.
std::vector<std::uint32_t> send_writes(CoreFixture& core, const Mac& from, std::uint32_t count,
                                       unsigned exports = 1, std::uint64_t first = 0) {
    std::vector<std::uint32_t> tags;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint64_t lba = first + 2 * (i / exports);
        tags.push_back(core.send(write_request(lba, pattern(lba, 1, i))
                                     .from(from)
                                     .to(1, static_cast<std::uint8_t>(1 + i % exports))));
        core.turn();
    }
    return tags;
}

void add_exports(CoreFixture& core, unsigned count) {
    for (unsigned i = 1; i <= count; ++i) {
        Disk& disk = core.add_export(geometry_of(sectors), address_of(1, i));
        core.ask(flush_request().to(1, static_cast<std::uint8_t>(i))); // it gets on
        disk.immediate = false;
    }
    core.link->pool().use().newest_sender = {}; // nobody has asked
}

std::size_t answered(const CoreFixture& core, const std::vector<std::uint32_t>& tags) {
    return static_cast<std::size_t>(
        std::ranges::count_if(tags, [&](std::uint32_t tag) { return core.answered(tag); }));
}

} // namespace

TEST_CASE("a sender may have as many requests of an export under way as are advertised", "[core][fair]") {
    CoreFixture core({.buffer_count = 20, .slots = 100});
    add_exports(core, 1);
    const auto tags = send_writes(core, greedy, 35);
    CHECK(core.stats().in_flight == 20);
    CHECK(core.stats().crowding == 15);
    CHECK(core.stats().overload == 0);
    const auto polite = send_writes(core, client_mac, 20, 1, 1000);
    CHECK(core.stats().in_flight == 40);
    drain(core);
    CHECK(answered(core, tags) == 20);
    CHECK(answered(core, polite) == 20);
    CHECK(answered(core, send_writes(core, greedy, 1)) == 0); // on its way again
    CHECK(core.stats().in_flight == 1);
    drain(core);
}

TEST_CASE("a sender may have as many requests as are advertised under way through each link",
          "[core][fair]") {
    CoreFixture core({.buffer_count = 10, .slots = 100});
    FakeLink& second = core.add_link(1500, 100);
    add_exports(core, 1);
    send_writes(core, greedy, 15);
    for (std::uint32_t i = 0; i < 15; ++i)
        core.send(second, write_request(1000 + 2 * i, pattern(0, 1, i)).from(greedy));
    CHECK(core.stats().in_flight == 20);
    CHECK(core.stats().crowding == 10);
    drain(core);
}

TEST_CASE("copies of a request under way do not count", "[core][fair]") {
    CoreFixture core({.buffer_count = 20, .slots = 100});
    add_exports(core, 1);
    const auto tags = send_writes(core, client_mac, 20);
    for (int copy = 0; copy < 3; ++copy) {
        for (std::uint32_t i = 0; i < tags.size(); ++i)
            core.send(write_request(2 * i, pattern(2 * i, 1, i)).tagged(tags[i]));
    }
    CHECK(core.stats().duplicates == 60);
    CHECK(core.stats().crowding == 0);
    drain(core);
    CHECK(answered(core, tags) == 20);
    CHECK(core.disks.front().operations == 1 + 20);
}

TEST_CASE("a lone host fills its window on every export", "[core][fair]") {
    CoreFixture core({.buffer_count = 20, .slots = 100});
    add_exports(core, 4);
    const auto tags = send_writes(core, client_mac, 80, 4);
    drain(core);
    CHECK(answered(core, tags) == tags.size());
    CHECK(core.core.export_stats(core.now).back().crowding == 0);
}

TEST_CASE("a sender that uses many exports leaves slots of the link to others", "[core][fair]") {
    CoreFixture core({.buffer_count = 20, .slots = 100});
    add_exports(core, 50);
    send_writes(core, client_mac, 1, 1, 3000); // somebody else is there
    send_writes(core, greedy, 400, 50);
    CHECK(core.link->free_slots() >= 20);
    const auto polite = send_writes(core, client_mac, 8, 1, 3002);
    std::size_t refused = 0;
    for (const auto& stats : core.core.export_stats(core.now))
        refused += stats.crowding;
    CHECK(refused > 300);
    drain(core);
    CHECK(answered(core, polite) == polite.size());
}

TEST_CASE("many that flood at once leave something for the next", "[core][fair]") {
    CoreFixture core({.buffer_count = 128, .slots = 200});
    add_exports(core, 1);
    for (unsigned round = 0; round < 20; ++round) {
        for (unsigned host = 0; host < 8; ++host)
            send_writes(core, numbered_mac(0x80 + host), 4, 1, host * 400 + 8 * round);
    }
    CHECK(core.stats().in_flight < 116);
    CHECK(core.stats().overload == 0);
    const auto polite = send_writes(core, client_mac, 2, 1, 4000);
    drain(core);
    CHECK(answered(core, polite) == polite.size());
}

TEST_CASE("a host that was alone for a second may use all slots again", "[core][fair]") {
    CoreFixture core({.slots = 64});
    add_exports(core, 2);
    send_writes(core, client_mac, 1, 1, 4000);
    send_writes(core, greedy, 60, 2);
    CHECK(core.link->free_slots() >= 15);
    drain(core);
    core.forget();
    core.now += std::chrono::milliseconds(1001);
    core.turn();
    send_writes(core, greedy, 60, 2); // beyond its quota each export leaves as much as it takes
    CHECK(core.link->free_slots() == 12);
    drain(core);
}

TEST_CASE("a request that failed, was dropped or was merged does not count for ever", "[core][fair]") {
    CoreFixture core({.buffer_count = 4, .slots = 64});
    add_exports(core, 1);
    Disk& disk = core.disks.front();
    disk.error_of = [](const Disk::Io& io) {
        return io.range.first % 3 == 0 ? EIO : io.range.first % 3 == 1 ? EAGAIN : 0;
    };
    for (int i = 0; i < 50; ++i) {
        send_writes(core, greedy, 6);
        drain(core);
        CHECK(core.stats().in_flight == 0);
    }
    disk.error_of = nullptr;
    CHECK(answered(core, send_writes(core, greedy, 4)) == 0);
    CHECK(core.stats().in_flight == 4);
    drain(core);
}

TEST_CASE("an export's share of a link is judged by the requests that came through that link",
          "[core][fair]") {
    CoreFixture core({.buffer_count = 128, .slots = 200});
    FakeLink& small = core.add_link(1500, 40);
    add_exports(core, 1);
    const auto tags = send_writes(core, greedy, 116); // its quota of 32, and half of the rest
    CHECK(core.stats().in_flight == 116);
    for (std::uint32_t i = 0; i < 30; ++i) // 20, and half of the rest
        core.send(small, write_request(1000 + 2 * i, pattern(0, 1, i)));
    CHECK(core.stats().in_flight == 146);
    CHECK(core.stats().overload == 0);
    core.send(small, write_request(2000, pattern(0, 1, 1)).from(greedy));
    CHECK(core.stats().overload == 1);
    send_writes(core, client_mac, 1, 1, 3000);
    CHECK(core.stats().overload == 2);
    drain(core);
    CHECK(answered(core, tags) == tags.size());
}

TEST_CASE("a lone host that keeps to the advertised count loses nothing, on however many exports",
          "[core][fair]") {
    CoreFixture core({.buffer_count = 20, .slots = 184}); // for each 16 more, as links have
    add_exports(core, 8);
    const auto tags = send_writes(core, client_mac, 160, 8);
    CHECK(core.link->free_slots() == 24);
    drain(core);
    CHECK(answered(core, tags) == tags.size());
}

TEST_CASE("a lone host with many exports that hang leaves slots to the next host", "[core][fair]") {
    CoreFixture core({.buffer_count = 128, .slots = 160});
    add_exports(core, 9);
    send_writes(core, greedy, 120, 8);
    core.now += std::chrono::milliseconds(101);
    core.turn();
    send_writes(core, greedy, 400, 8, 1000);
    CHECK(core.link->free_slots() == 40); // none gets more than it had
    const auto next = core.send(write_request(0, pattern(0, 1, 1)).to(1, 9));
    core.turn();
    core.disks.back().complete();
    core.turn();
    CHECK(core.reply(next).succeeded());
    drain(core);
}
