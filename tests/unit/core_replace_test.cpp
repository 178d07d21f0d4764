// Another device takes the place of an export's own, under load (Core::replace_device()).
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <cerrno>

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::EventKind;
using Op = Disk::Op;

TEST_CASE(
    "requests under way end on the old device, it is flushed, and what came meanwhile is for the new one",
    "[core][replace]") {
    CoreFixture core;
    Disk& old = core.add_export();
    old.immediate = false;
    const std::uint32_t before = core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    Disk& next = core.replace_device(geometry_of(256));
    const std::uint32_t write = core.send(write_request(4, pattern(4, 2, 2)));
    const std::uint32_t read = core.send(read_request(4, 2));
    core.turn();
    REQUIRE(old.pending.size() == 1); // not the flush, nor what came meanwhile
    CHECK(next.operations == 0);
    CHECK(core.take_event(EventKind::export_swapped).empty());
    old.complete();
    core.turn();
    CHECK(core.reply(before).succeeded());
    REQUIRE(old.pending.size() == 1);
    CHECK(old.log.back().op == Op::flush);
    CHECK(old.exists);
    CHECK(next.operations == 0);
    old.complete();
    core.turn();
    CHECK_FALSE(old.exists);
    CHECK(core.reply(write).succeeded());
    CHECK(core.reply(read).data() == pattern(4, 2, 2));
    CHECK(next.sectors(4, 2) == pattern(4, 2, 2));
    CHECK(old.sectors(4, 2) == pattern(4, 2, 1));
    CHECK_FALSE(core.take_event(EventKind::export_swapped).empty());
}

TEST_CASE("what initiators have set, the serial number and the history of writes outlive a device",
          "[core][replace]") {
    CoreFixture core;
    core.add_export();
    core.ask(config_request(ccmd_set, "mine"));
    core.ask(mask_request(mask_edit, {{directive_add, client_mac}}));
    core.ask(reserve_request(reserve_set, {client_mac}));
    const Request late = core.complete(*core.link, write_request(4, pattern(4, 2, 1)));
    core.ask(late);
    core.ask(write_request(4, pattern(4, 2, 2)));
    const std::string serial = core.stats().serial;
    Disk& next = core.replace_device(geometry_of(256));
    core.turn();
    CHECK(core.ask(config_request()).config_text() == "mine");
    CHECK(core.ask(mask_request()).mask_list() == std::vector{client_mac});
    CHECK(core.ask(reserve_request()).holders() == std::vector{client_mac});
    CHECK(Identify(core.ask(identify_request()).data()).text(10, 19) == serial);
    core.expect_silence(late); // it would undo a newer write
    CHECK(core.stats().stale == 1);
    CHECK(next.operations == 0);
}

TEST_CASE("the event of a new device tells which options it has", "[core][replace]") {
    CoreFixture core;
    core.add_export();
    for (const std::string what : {"cache: direct -> page", ""}) {
        core.replace_device(geometry_of(256), {1, 1}, what);
        core.turn();
        const std::string text = core.take_event(EventKind::export_swapped);
        CHECK((text.find("other options") != std::string::npos) == !what.empty());
        CHECK(text.find(what) != std::string::npos);
    }
}

TEST_CASE("a larger device tells its size, and is announced", "[core][replace]") {
    CoreFixture core;
    core.add_export(256);
    core.now += 1s;
    core.turn();
    core.take_advertisements();
    CHECK(core.ask(read_request(300, 1)).ata_error() == error_id_not_found);
    core.replace_device(geometry_of(512));
    core.turn();
    CHECK(Identify(core.ask(identify_request()).data()).sectors_48() == 512);
    CHECK(core.stats().sectors == 512);
    CHECK(core.ask(read_request(300, 1)).succeeded());
    CHECK_FALSE(core.take_advertisements().empty());
    CHECK(core.take_event(EventKind::export_swapped).find("256 sectors more, 512 now") != std::string::npos);
}

TEST_CASE("the blocks of a new device count for what has waited for it", "[core][replace]") {
    CoreFixture core;
    Disk& old = core.add_export();
    old.immediate = false;
    core.replace_device(geometry_of(256));
    core.turn();
    aoetarget::Geometry geometry = geometry_of(256, 4096);
    geometry.memory_alignment = 4096;
    Disk& next = core.replace_device(geometry); // the flush is under way already
    next.immediate = false;
    // In one block of 4096 bytes, and neighbours of none.
    const std::uint32_t one = core.send(write_request(1, pattern(1, 1, 1)));
    const std::uint32_t other = core.send(write_request(4, pattern(4, 1, 2)));
    const std::uint32_t trim_away = core.send(read_request(4, 1));
    core.turn();
    REQUIRE(old.pending.size() == 1);
    old.complete();
    core.turn();
    CHECK(next.pending.size() == 1); // one at a time
    core.drain(next);
    CHECK(core.reply(one).succeeded());
    CHECK(core.reply(other).succeeded());
    CHECK(core.reply(trim_away).data() == pattern(4, 1, 2));
    CHECK(next.sectors(1) == pattern(1, 1, 1));
    CHECK(next.sectors(4) == pattern(4, 1, 2));
}

TEST_CASE("of several devices that wait the last takes over, and the others are destroyed unused",
          "[core][replace]") {
    CoreFixture core;
    Disk& old = core.add_export();
    old.immediate = false;
    const std::uint32_t read = core.send(read_request(4, 2));
    core.turn();
    const Disk& first = core.replace_device(geometry_of(256));
    core.turn();
    Disk& second = core.replace_device(geometry_of(300));
    core.turn();
    CHECK_FALSE(first.exists);
    core.drain(old);
    CHECK(core.reply(read).succeeded());
    CHECK_FALSE(old.exists);
    CHECK(first.operations == 0);
    CHECK(core.ask(write_request(4, pattern(4, 2, 1))).succeeded());
    CHECK(second.sectors(4, 2) == pattern(4, 2, 1));
    Disk& third = core.replace_device(geometry_of(300)); // and again
    core.turn();
    CHECK_FALSE(second.exists);
    CHECK(core.ask(write_request(4, pattern(4, 2, 3))).succeeded());
    CHECK(third.sectors(4, 2) == pattern(4, 2, 3));
}

TEST_CASE("a device whose flush fails gives way to the next, which takes writes", "[core][replace]") {
    CoreFixture core;
    Disk& old = core.add_export_with({.address = {1, 1}, .silence_on_error = 60s}, geometry_of(256));
    old.error_of = [](const Disk::Io& io) { return io.op == Op::read ? 0 : EIO; };
    old.refuses_writes = true;
    const Request write = write_request(4, pattern(4, 2, 1));
    core.expect_silence(write);
    CHECK_FALSE(core.take_event(EventKind::flush_failed).empty());
    core.replace_device(geometry_of(256));
    core.turn();
    CHECK(core.take_event(EventKind::flush_failed).empty()); // it was told
    CHECK(core.ask(write).succeeded());
    CHECK(core.take_event(EventKind::device_recovered).empty());
}

TEST_CASE("a device that is gone gives way without a complaint if it has lost nothing that was answered",
          "[core][replace]") {
    aoetarget::Geometry geometry = geometry_of(256);
    geometry.volatile_cache = GENERATE(false, true);
    CoreFixture core;
    Disk& old = core.add_export(geometry);
    CHECK(core.ask(write_request(4, pattern(4, 2, 1))).succeeded());
    old.error_of = [](const Disk::Io&) { return ENODEV; };
    CHECK(core.ask(read_request(4, 2)).status() == status_fault);
    CHECK_FALSE(core.take_event(EventKind::device_vanished).empty());
    core.replace_device(geometry);
    core.turn();
    CHECK_FALSE(old.exists);
    CHECK(core.ask(read_request(4, 2)).succeeded());
    CHECK(core.take_event(EventKind::flush_failed).empty() == !geometry.volatile_cache);
    CHECK(core.stats().flush_errors == (geometry.volatile_cache ? 1 : 0));
}

TEST_CASE("what was read ahead of the old device is not used for the new one", "[core][replace]") {
    aoetarget::Geometry geometry = geometry_of(256);
    geometry.read_ahead = true;
    CoreFixture core;
    const Disk& old = core.add_export(geometry);
    for (std::uint64_t first = 0; first < 20; first += 2)
        CHECK(core.ask(read_request(first, 2)).data() == old.sectors(first, 2));
    REQUIRE(core.stats().read_ahead > 0);
    Disk& next = core.replace_device(geometry);
    next.fill(0, pattern(0, 256, 7));
    core.turn();
    CHECK(core.ask(read_request(20, 2)).data() == pattern(20, 2, 7));
}

TEST_CASE("changes that waited are refused by a device that does not take them", "[core][replace]") {
    aoetarget::Geometry geometry = geometry_of(256);
    geometry.discard = true;
    CoreFixture core;
    Disk& old = core.add_export(geometry);
    old.immediate = false;
    core.replace_device(geometry_of(256));
    const std::uint32_t trim = core.send(trim_request({{0, 8}}));
    core.drain(old);
    CHECK(core.reply(trim).ata_error() == error_abort);

    Disk& second = core.disks.back();
    second.immediate = false;
    geometry.read_only = true;
    Disk& next = core.replace_device(geometry);
    const std::uint32_t write = core.send(write_request(0, pattern(0, 2, 1)));
    const std::uint32_t flush = core.send(flush_request());
    const std::uint32_t read = core.send(read_request(0, 1));
    core.drain(second);
    CHECK(core.reply(write).ata_error() == error_abort);
    CHECK(core.reply(flush).succeeded());
    CHECK(core.reply(read).succeeded());
    CHECK(core.take_event(EventKind::device_failing).empty());
    Disk& last = core.replace_device(geometry_of(256)); // a read-only one needs no flush
    core.turn();
    CHECK(core.ask(write_request(0, pattern(0, 2, 1))).succeeded());
    CHECK(last.operations == 1);
    CHECK(next.log.size() == 1);
}

TEST_CASE("a write cache that an initiator has switched off stays off", "[core][replace]") {
    aoetarget::Geometry cached = geometry_of(256);
    cached.volatile_cache = true;
    CoreFixture core;
    core.add_export(cached);
    const auto is_on = [&] { return Identify(core.ask(identify_request()).data()).bit(85, 5); };
    core.ask(ata_request(ata::set_features, 0x82));
    core.replace_device(cached);
    core.turn();
    CHECK_FALSE(is_on());
    core.replace_device(geometry_of(256));
    core.turn();
    CHECK_FALSE(is_on());
    core.replace_device(cached); // the host's choice
    core.turn();
    CHECK(is_on());
}

TEST_CASE("an export that ends while a device waits ends that device too, flushed", "[core][replace]") {
    CoreFixture core;
    Disk& old = core.add_export();
    old.immediate = false;
    const std::uint32_t write = core.send(write_request(4, pattern(4, 2, 1)));
    core.turn();
    Disk& next = core.replace_device(geometry_of(256));
    core.core.remove_export({1, 1});
    core.drain(old);
    core.turn();
    CHECK(core.reply(write).succeeded());
    CHECK_FALSE(old.exists);
    CHECK_FALSE(next.exists);
    CHECK(next.log.back().op == Op::flush);
}
