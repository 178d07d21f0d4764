// Old frames that come late: because they waited in a socket while another interface was served, or in the
// network. They never undo later changes (lib/core/ordering.md H1, R1, R3).
#include "core_fixture.hpp"
#include "support/catch.hpp"

using namespace aoetest;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// The tag of the transmission with this number of a Linux host.
std::uint32_t linux_tag(std::uint32_t number) {
    return (number & 0x7FFF) << 16 | 0x1234;
}

/// Sends through a link as if the frame had arrived at that time, and turns.
std::uint32_t send_at(CoreFixture& core, FakeLink& link, aoetarget::core::Time arrival,
                      const Request& request) {
    core.arrival = arrival;
    const std::uint32_t tag = core.send(link, request);
    core.turn();
    return tag;
}

} // namespace

TEST_CASE("a write that waited while a newer one was served is dropped", "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    FakeLink& other = core.add_link();
    CHECK(core.reply(send_at(core, other, seconds(20), write_request(4, pattern(4, 2, 2)))).succeeded());

    const std::uint32_t stale = send_at(core, *core.link, seconds(19), write_request(3, pattern(3, 2, 1)));
    CHECK_FALSE(core.answered(stale));
    CHECK(disk.sectors(3, 3) == [] {
        Bytes expected = pattern(3, 1);
        const Bytes written = pattern(4, 2, 2);
        expected.insert(expected.end(), written.begin(), written.end());
        return expected;
    }());
    CHECK(core.stats().stale == 1);

    SECTION("what does not overlap is done") {
        CHECK(core.reply(send_at(core, *core.link, seconds(19), write_request(2, pattern(2, 2, 1))))
                  .succeeded());
    }
    SECTION("what arrived no earlier is done") {
        CHECK(core.reply(send_at(core, *core.link, seconds(20), write_request(4, pattern(4, 2, 3))))
                  .succeeded());
    }
    SECTION("a read is done") {
        CHECK(core.reply(send_at(core, *core.link, seconds(19), read_request(4, 2))).data() ==
              pattern(4, 2, 2));
    }
    CHECK(core.stats().stale == 1);
}

TEST_CASE("a discard overtakes and is overtaken as a write is", "[core][stale]") {
    aoetarget::Geometry geometry = geometry_of(64);
    geometry.discard = true;
    CoreFixture core;
    core.add_export(geometry);
    CHECK(core.reply(send_at(core, *core.link, seconds(20), trim_request({{4, 8}}))).succeeded());
    CHECK_FALSE(core.answered(send_at(core, *core.link, seconds(19), write_request(5, pattern(5, 1, 1)))));
    CHECK_FALSE(core.answered(send_at(core, *core.link, seconds(19), trim_request({{10, 8}}))));
    CHECK(core.stats().stale == 2);
}

TEST_CASE("links that tell no time of arrival hand frames over as they come", "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    FakeLink& other = core.add_link();
    for (std::uint32_t version = 1; version <= 4; ++version) {
        CHECK(core.reply(send_at(core, version % 2 == 0 ? other : *core.link, {},
                                 write_request(4, pattern(4, 2, version))))
                  .succeeded());
        core.now += milliseconds(1);
    }
    CHECK(disk.sectors(4, 2) == pattern(4, 2, 4));
}

TEST_CASE("a write that waited longer than the history reaches back is dropped", "[core][stale]") {
    CoreFixture core;
    core.add_export();
    core.checking = false;
    constexpr std::size_t many = aoetarget::core::WriteHistory::max_entries + 1;
    for (std::size_t i = 0; i < many; ++i)
        send_at(core, *core.link, seconds(20) + microseconds(i), write_request(100, pattern(100, 1, 1)));
    core.checking = true;
    CHECK_FALSE(core.answered(send_at(core, *core.link, seconds(19), write_request(4, pattern(4, 2, 1)))));
    CHECK(core.reply(send_at(core, *core.link, seconds(20) + microseconds(1),
                             write_request(4, pattern(4, 2, 1))))
              .succeeded());
}

TEST_CASE(
    "a copy of a write that was not overwritten is done again, however often it comes, for its answer may "
    "have been lost",
    "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    const Request write = write_request(4, pattern(4, 2, 1)).tagged(77);
    for (int copy = 0; copy < 12; ++copy)
        CHECK(core.reply(send_at(core, *core.link, milliseconds(20000 + 250 * copy), write)).succeeded());
    CHECK(core.stats().stale == 0);
    CHECK(core.reply(send_at(core, *core.link, seconds(23), write_request(5, pattern(5, 1, 2)))).succeeded());
    CHECK_FALSE(core.answered(send_at(core, *core.link, seconds(24), write)));
    CHECK(disk.sectors(5) == pattern(5, 1, 2));
}

TEST_CASE("an old copy is recognised after tens of thousands of other writes", "[core][stale]") {
    using aoetarget::core::WriteHistory;
    CoreFixture core;
    Disk& disk = core.add_export(4096);
    disk.logging = false;
    core.checking = false;
    // The history becomes larger on the way, with the copy in its first half or its second.
    const unsigned before = GENERATE(0U, 3000U, WriteHistory::least_entries + 10);
    const unsigned between = GENERATE(100U, WriteHistory::least_entries, WriteHistory::max_entries - 4);
    CAPTURE(before, between);
    aoetarget::core::Time arrival = seconds(20);
    const auto write = [&](std::uint64_t first, std::uint32_t version, std::uint32_t tag) {
        send_at(core, *core.link, arrival += microseconds(12),
                write_request(first, pattern(first, 1, version)).tagged(tag));
    };
    std::uint32_t others = 0;
    const auto write_others = [&](unsigned count) {
        for (const std::uint32_t end = others + count; others < end; ++others)
            write(100 + others % 3000, others, 0x80000000 + others);
    };
    write_others(before);
    write(7, 1, linux_tag(2));
    write(8, 1, 77);
    write(7, 2, linux_tag(3));
    write(8, 2, 78);
    write_others(between);
    core.forget();
    write(7, 1, linux_tag(1)); // what the second transmission stood for
    write(8, 1, 77);
    CHECK(core.stats().stale == 2);
    CHECK(disk.sectors(7) == pattern(7, 1, 2));
    CHECK(disk.sectors(8) == pattern(8, 1, 2));
}

TEST_CASE("a copy of a write that was overwritten since is dropped, until tags may have been used again",
          "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    const Request first = write_request(4, pattern(4, 2, 1)).tagged(77);
    CHECK(core.reply(send_at(core, *core.link, seconds(20), first)).succeeded());
    Request second = write_request(5, pattern(5, 1, 2));
    CHECK(core.reply(send_at(core, *core.link, seconds(20), second.from(other_client_mac))).succeeded());
    SECTION("a copy") {
        CHECK_FALSE(core.answered(send_at(core, *core.link, seconds(21), first)));
        CHECK(disk.sectors(5) == pattern(5, 1, 2));
        CHECK(core.stats().stale == 1);
        CHECK(core.reply(send_at(core, *core.link, seconds(23), first)).succeeded());
    }
    SECTION("the same tag for other data: a host that has booted again") {
        CHECK(
            core.reply(send_at(core, *core.link, seconds(21), write_request(4, pattern(4, 2, 3)).tagged(77)))
                .succeeded());
    }
    SECTION("the same from another host") {
        CHECK(core.reply(send_at(core, *core.link, seconds(21),
                                 Request(first).from(other_client_mac).tagged(78)))
                  .succeeded());
    }
}

TEST_CASE("a write whose Linux tag is older than that of the write that has replaced it is dropped",
          "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    const std::uint32_t number = GENERATE(100U, 0x7FFFU, 0x8000U); // the counter wraps
    const auto write = [](std::uint32_t version, std::uint32_t tag) {
        return write_request(4, pattern(4, 2, version)).tagged(tag);
    };
    CHECK(core.reply(send_at(core, *core.link, seconds(20), write(1, linux_tag(number)))).succeeded());
    CHECK(core.reply(send_at(core, *core.link, seconds(20), write(2, linux_tag(number + 1)))).succeeded());

    SECTION("the original of what was repeated, acknowledged and overwritten") {
        CHECK_FALSE(core.answered(send_at(core, *core.link, seconds(21), write(1, linux_tag(number - 1)))));
        CHECK(disk.sectors(4, 2) == pattern(4, 2, 2));
    }
    SECTION("the same data written anew") {
        CHECK(
            core.reply(send_at(core, *core.link, seconds(21), write(1, linux_tag(number + 2)))).succeeded());
        CHECK(disk.sectors(4, 2) == pattern(4, 2, 1));
    }
    SECTION("a tag that is not Linux's") {
        CHECK(core.reply(send_at(core, *core.link, seconds(21), write(1, linux_tag(number - 1) | 0x80000000)))
                  .succeeded());
    }
    SECTION("other data proves nothing") {
        CHECK(
            core.reply(send_at(core, *core.link, seconds(21), write(3, linux_tag(number - 1)))).succeeded());
    }
}

TEST_CASE("a write that was repeated through another port of its host, which then wrote anew, is dropped",
          "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    const auto write = [](std::uint32_t version, std::uint32_t number) {
        return write_request(4, pattern(4, 2, version)).tagged(linux_tag(number));
    };
    CHECK(core.reply(send_at(core, *core.link, seconds(20), write(1, 104))).succeeded());
    Request late = write(1, 101).from(other_client_mac); // the first transmission
    SECTION("what came since is of the same port, or of the other") {
        const Mac since = GENERATE(client_mac, other_client_mac);
        CHECK(core.reply(send_at(core, *core.link, seconds(20), write(2, 106).from(since))).succeeded());
        CHECK_FALSE(core.answered(send_at(core, *core.link, seconds(21), late)));
        CHECK(disk.sectors(4, 2) == pattern(4, 2, 2));
        CHECK(core.stats().stale == 1);
    }
    SECTION("and elsewhere") {
        Request elsewhere = write_request(8, pattern(8, 2, 2)).tagged(linux_tag(106));
        CHECK(
            core.reply(send_at(core, *core.link, seconds(20), elsewhere.from(other_client_mac))).succeeded());
        CHECK(core.reply(send_at(core, *core.link, seconds(21), late)).succeeded());
    }
    SECTION("what came since was sent before it, so this is another host's write") {
        CHECK(core.reply(send_at(core, *core.link, seconds(20), write(2, 99))).succeeded());
        CHECK(core.reply(send_at(core, *core.link, seconds(21), late)).succeeded());
    }
}

TEST_CASE(
    "the write that has replaced another may have a Linux tag older than that of the copy that was done",
    "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    const auto write = [](std::uint32_t version, std::uint32_t number) {
        return write_request(4, pattern(4, 2, version)).tagged(linux_tag(number));
    };
    CHECK(core.reply(send_at(core, *core.link, seconds(20), write(1, 104))).succeeded()); // sent last
    CHECK(core.reply(send_at(core, *core.link, seconds(20), write(2, 102))).succeeded());
    const std::uint32_t late = GENERATE(101U, 103U); // sent before that of the other write, and after it
    CHECK_FALSE(core.answered(send_at(core, *core.link, seconds(21), write(1, late))));
    CHECK(disk.sectors(4, 2) == pattern(4, 2, 2));
    CHECK(core.reply(send_at(core, *core.link, seconds(21), write(1, 105))).succeeded()); // asked for anew
}

TEST_CASE("of copies that were done once, the newest is remembered", "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    const auto first = [](std::uint32_t tag) { return write_request(4, pattern(4, 2, 1)).tagged(tag); };
    send_at(core, *core.link, seconds(20), first(1));
    send_at(core, *core.link, seconds(22), first(2));
    disk.complete();
    core.turn();
    CHECK(core.reply(2).succeeded());
    disk.immediate = true;
    CHECK(core.reply(send_at(core, *core.link, seconds(23), write_request(4, pattern(4, 2, 2)))).succeeded());
    CHECK_FALSE(core.answered(
        send_at(core, *core.link, seconds(24), first(2)))); // 4 s after the first, 2 after the last
    CHECK(disk.sectors(4, 2) == pattern(4, 2, 2));
    CHECK(core.reply(send_at(core, *core.link, seconds(25), first(2))).succeeded()); // forgotten
}

TEST_CASE("a write that took long is remembered from its end on", "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    const Request first = write_request(4, pattern(4, 2, 1)).tagged(77);
    core.now = seconds(20);
    send_at(core, *core.link, seconds(20), first);
    core.now = seconds(23); // its initiator may have sent copies until now
    disk.complete();
    core.turn();
    CHECK(core.reply(77).succeeded());
    disk.immediate = true;
    CHECK(core.reply(send_at(core, *core.link, seconds(23), write_request(4, pattern(4, 2, 2)))).succeeded());
    CHECK_FALSE(core.answered(send_at(core, *core.link, seconds(25), first)));
    CHECK(disk.sectors(4, 2) == pattern(4, 2, 2));
    CHECK(core.reply(send_at(core, *core.link, seconds(26), first)).succeeded()); // forgotten
}

TEST_CASE("a config string that waited while a newer one was set is dropped", "[core][stale]") {
    CoreFixture core;
    core.add_export();
    FakeLink& other = core.add_link();
    const auto set = [](const char* text) { return config_request(ccmd_force, text); };
    const auto stored = [&] {
        return core.reply(send_at(core, other, seconds(30), config_request())).config_text();
    };
    CHECK(core.replies(send_at(core, other, seconds(20), set("old"))).size() == 1);
    CHECK(core.replies(send_at(core, other, seconds(22), set("new"))).size() == 1);

    CHECK_FALSE(core.answered(send_at(core, *core.link, seconds(21), set("late"))));
    CHECK(core.stats().stale == 1);
    CHECK(stored() == "new");
    SECTION("also where the newer one changed nothing") {
        CHECK(core.replies(send_at(core, other, seconds(24), set("new"))).size() == 1);
        CHECK_FALSE(core.answered(send_at(core, *core.link, seconds(23), set("late"))));
        CHECK(stored() == "new");
    }
    CHECK(core.replies(send_at(core, *core.link, seconds(25), set("later"))).size() == 1);
    CHECK(stored() == "later");
}

TEST_CASE("a request that arrived before a change of the lists changes nothing after it",
          "[core][stale][fence]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    FakeLink& other = core.add_link();
    const bool masks = GENERATE(false, true);
    CAPTURE(masks);
    const auto exclude = masks ? mask_request(mask_edit, {{directive_add, other_client_mac}})
                               : reserve_request(reserve_force, {other_client_mac});
    const auto admit = masks ? mask_request(mask_edit, {{directive_delete, other_client_mac}})
                             : reserve_request(reserve_force);
    const auto by = [](Request request) { return request.from(other_client_mac); };
    const std::uint32_t excluded = send_at(core, other, seconds(20), by(exclude));
    CHECK(core.replies(excluded).size() == 1);
    const std::uint32_t admitted = send_at(core, other, seconds(21), by(admit));
    CHECK(core.replies(admitted).size() == 1);

    // All that time these have waited in the socket of the first link.
    CHECK_FALSE(core.answered(send_at(core, *core.link, seconds(19), write_request(4, pattern(4, 2, 1)))));
    CHECK(disk.sectors(4, 2) == pattern(4, 2));
    CHECK_FALSE(core.answered(send_at(core, *core.link, seconds(20), by(exclude))));
    CHECK(core.reply(send_at(core, *core.link, seconds(21), write_request(4, pattern(4, 2, 1)))).succeeded());
    CHECK(core.stats().stale == 2);
}

TEST_CASE("a write that waited while something was set that excludes nobody is done",
          "[core][stale][fence]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    FakeLink& other = core.add_link();
    const auto set = [&](int at, const Request& request) {
        CHECK(core.replies(send_at(core, other, milliseconds(at), request)).size() == 1);
    };
    SECTION("a config string") {
        set(20000, config_request(ccmd_force, "new"));
    }
    SECTION("lists as they were") {
        set(10000, mask_request(mask_edit, {{directive_add, client_mac}}));
        set(11000, reserve_request(reserve_set, {client_mac}));
        set(20000, mask_request(mask_edit, {{directive_add, client_mac}}));
        set(20000, reserve_request(reserve_set, {client_mac}));
    }
    CHECK(core.reply(send_at(core, *core.link, milliseconds(19999), write_request(4, pattern(4, 2, 1))))
              .succeeded());
    CHECK(disk.sectors(4, 2) == pattern(4, 2, 1));
    CHECK(core.stats().stale == 0);
}

TEST_CASE("new data of a busy Linux host is not taken for an old copy when its counter has come half round",
          "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    // 50,000 transmissions a second, most of them reads, and jiffies of 1 ms.
    const auto tag = [](std::uint32_t number, std::uint32_t jiffies) {
        return (number & 0x7FFF) << 16 | jiffies;
    };
    const auto data = [](std::uint8_t version) {
        auto bytes = pattern(4, 2, 1);
        bytes[100] = version; // where it is not looked at to tell data apart
        return bytes;
    };
    const auto write = [&](int time, std::uint8_t version, std::uint32_t number) {
        return send_at(
            core, *core.link, milliseconds(20000 + time),
            write_request(4, data(version)).tagged(tag(number, 1000 + static_cast<std::uint32_t>(time))));
    };
    CHECK(core.reply(write(0, 1, 1000)).succeeded());
    CHECK(core.reply(write(100, 2, 6000)).succeeded());
    CHECK(core.reply(write(430, 3, 22500)).succeeded());
    CHECK(disk.sectors(4, 2) == data(3));
    CHECK(core.stats().stale == 0);
}

TEST_CASE("a late copy of a write that was refused does not undo a newer one", "[core][stale]") {
    CoreFixture core({.slots = 256});
    Disk& disk = core.add_export();
    const auto at = [&](int time, const Request& request) {
        return core.replies(send_at(core, *core.link, milliseconds(10000 + time), request));
    };
    const Request old = write_request(4, pattern(4, 2, 1)).tagged(77);
    REQUIRE(at(0, reserve_request(reserve_set, {other_client_mac}).from(other_client_mac)).size() == 1);
    CHECK(at(1, old).at(0).is_error());
    REQUIRE(at(2, reserve_request(reserve_force, {})).size() == 1);
    SECTION("and nothing else was written: it is done") {
        CHECK(at(500, old).at(0).succeeded());
        CHECK(disk.sectors(4, 2) == pattern(4, 2, 1));
    }
    SECTION("another write has come since: it is dropped") {
        CHECK(at(3, write_request(5, pattern(5, 2, 2))).at(0).succeeded());
        for (unsigned i = 0; i < 100; ++i)
            CHECK(at(4, write_request(20 + 2 * i, pattern(20 + 2 * i, 1, i))).size() == 1);
        CHECK(at(1000, old).empty());
        CHECK(disk.sectors(5, 2) == pattern(5, 2, 2));
        CHECK(core.stats().stale == 1);
    }
    SECTION("it does not make a copy of an earlier write look overwritten") {
        const Request earlier = write_request(4, pattern(4, 2, 3)).tagged(78);
        CHECK(at(10, earlier).at(0).succeeded());
        REQUIRE(at(11, reserve_request(reserve_set, {other_client_mac}).from(other_client_mac)).size() == 1);
        CHECK(at(12, write_request(4, pattern(4, 2, 4)).tagged(79)).at(0).is_error());
        REQUIRE(at(13, reserve_request(reserve_force, {})).size() == 1);
        CHECK(at(14, earlier).at(0).succeeded());
    }
}
