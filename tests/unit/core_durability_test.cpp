// The data that is on stable storage when an answer leaves (lib/README.md, "Durability", lib/core/ordering.md
// H6).
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <cerrno>

using namespace aoetest;
using Op = Disk::Op;

namespace {

constexpr std::uint8_t enable_cache = 0x02, disable_cache = 0x82;

Request set_feature(std::uint8_t feature) {
    return ata_request(ata::set_features, feature);
}

} // namespace

TEST_CASE("without a volatile cache an answered write is stable", "[core][durability]") {
    CoreFixture core;
    const Disk& disk = core.add_export();
    core.ask(write_request(4, pattern(4, 2, 1)));
    CHECK(disk.stable_sectors(4, 2) == pattern(4, 2, 1));
}

TEST_CASE("with a volatile cache only FUA writes are asked to be durable", "[core][durability]") {
    const auto [opcode, durable] = GENERATE(table<std::uint8_t, bool>(
        {{0x34, false}, {0x30, false}, {0x35, false}, {0xCA, false}, {0x3D, true}}));
    const std::uint32_t block = GENERATE(512u, 4096u); // patched, too
    CoreFixture core;
    const Disk& disk = core.add_export(with_cache(256, block));
    core.ask(write_request(4, pattern(4, 2, 1), opcode));
    CHECK(disk.log.back().durable == durable);
    CHECK((disk.stable_sectors(4, 2) == pattern(4, 2, 1)) == durable);
}

TEST_CASE("a flush makes earlier answered writes stable", "[core][durability]") {
    const std::uint8_t opcode = GENERATE(values<std::uint8_t>({0xE7, 0xEA, 0xE0, 0xE2, 0xE6}));
    CoreFixture core;
    const Disk& disk = core.add_export(with_cache());
    core.ask(write_request(4, pattern(4, 2, 1)));
    REQUIRE(disk.stable_sectors(4, 2) == pattern(4, 2));
    CHECK(core.ask(ata_request(opcode)).succeeded());
    CHECK(disk.stable_sectors(4, 2) == pattern(4, 2, 1));
}

TEST_CASE("a flush is answered only when the device has flushed", "[core][durability]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache());
    disk.immediate = false;
    const std::uint32_t flush = core.send(flush_request());
    core.turn();
    CHECK_FALSE(core.answered(flush));
    disk.complete();
    core.turn();
    CHECK(core.reply(flush).succeeded());
}

TEST_CASE("a flush that fails is a device fault", "[core][durability]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache());
    disk.error_of = [](const Disk::Io& io) { return io.op == Op::flush ? EIO : 0; };
    const Reply reply = core.ask(flush_request());
    CHECK(reply.status() == status_fault);
    CHECK(reply.ata_error() == error_abort);
}

TEST_CASE("a flush covers writes that were answered before it, even if an earlier flush is still under way",
          "[core][durability]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache());
    disk.immediate = false;
    core.send(flush_request());
    core.turn();
    Disk::Io& earlier = disk.carry_out(); // what it covers is settled
    const std::uint32_t write = core.send(write_request(4, pattern(4, 1, 1)));
    core.turn();
    disk.complete();
    core.turn();
    REQUIRE(core.reply(write).succeeded());

    const std::uint32_t later = core.send(flush_request());
    core.turn();
    earlier.complete();
    core.turn();
    if (core.answered(later)) {
        CHECK(disk.stable_sectors(4) == pattern(4, 1, 1));
    } else {
        disk.complete();
        core.turn();
        CHECK(core.reply(later).succeeded());
        CHECK(disk.stable_sectors(4) == pattern(4, 1, 1));
    }
}

TEST_CASE("switching the write cache off makes answered writes stable, and later ones",
          "[core][durability]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache());
    core.ask(write_request(4, pattern(4, 1, 1)));
    CHECK(core.ask(set_feature(disable_cache)).succeeded());
    CHECK(disk.stable_sectors(4) == pattern(4, 1, 1));
    core.ask(write_request(5, pattern(5, 1, 1)));
    CHECK(disk.stable_sectors(5) == pattern(5, 1, 1));
    core.ask(trim_request({{8, 8}}));
    CHECK(disk.log.back().durable);
    CHECK_FALSE(Identify(core.ask(identify_request()).data()).bit(85, 5));

    CHECK(core.ask(set_feature(enable_cache)).succeeded());
    core.ask(write_request(6, pattern(6, 1, 1)));
    CHECK(disk.stable_sectors(6) == pattern(6, 1));
    CHECK(Identify(core.ask(identify_request()).data()).bit(85, 5));
}

TEST_CASE("switching the write cache off is a barrier", "[core][durability]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache());
    disk.immediate = false;
    const std::uint32_t before = core.send(write_request(4, pattern(4, 1, 1)));
    const std::uint32_t off = core.send(set_feature(disable_cache));
    const std::uint32_t after = core.send(write_request(100, pattern(100, 1, 1)));
    core.turn();
    REQUIRE(disk.log.size() == 1);
    disk.complete();
    core.turn();
    CHECK(core.reply(before).succeeded());
    REQUIRE(disk.log.size() == 2);
    CHECK(disk.log[1].op == Op::flush);
    CHECK_FALSE(core.answered(off));
    disk.complete();
    core.turn();
    CHECK(core.reply(off).succeeded());
    REQUIRE(disk.log.size() == 3);
    CHECK(disk.log[2].durable);
    disk.complete();
    core.turn();
    CHECK(core.reply(after).succeeded());
}

TEST_CASE(
    "a copy of the request that switches the write cache off is not answered before it has taken effect",
    "[core][durability]") {
    const bool same_tag = GENERATE(true, false);
    CoreFixture core;
    Disk& disk = core.add_export(with_cache());
    core.ask(write_request(4, pattern(4, 1, 1)));
    disk.immediate = false;
    Request request = core.complete(*core.link, set_feature(disable_cache));
    core.send(request);
    core.turn();
    if (!same_tag)
        request.tag.reset();
    const std::uint32_t copy = core.send(request);
    core.turn();
    REQUIRE(disk.stable_sectors(4) == pattern(4, 1));
    CHECK_FALSE(core.answered(copy)); // the write that was answered before is not stable yet
    while (!disk.pending.empty()) {
        disk.complete();
        core.turn();
    }
    CHECK(core.answered(copy));
}

TEST_CASE("a write that was under way when the cache was switched off is not answered before it is stable",
          "[core][durability]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache());
    disk.immediate = false;
    core.send(write_request(4, pattern(4, 1, 1)));
    core.turn();
    const std::uint32_t off = core.send(set_feature(disable_cache));
    core.turn();
    CHECK_FALSE(core.answered(off));
    disk.complete();
    core.turn();
    disk.complete();
    core.turn();
    CHECK(core.reply(off).succeeded());
    CHECK(disk.stable_sectors(4) == pattern(4, 1, 1));
}

TEST_CASE("a removed export is flushed after all that was under way", "[core][durability]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache());
    disk.immediate = false;
    const std::uint32_t write = core.send(write_request(4, pattern(4, 1, 1)));
    core.turn();
    CHECK(core.core.remove_export({1, 1}));
    core.turn();
    CHECK(disk.exists);
    CHECK(disk.log.size() == 1);
    disk.complete();
    core.turn();
    CHECK(core.reply(write).succeeded());
    REQUIRE(disk.log.size() == 2);
    CHECK(disk.log[1].op == Op::flush);
    CHECK(disk.exists);
    disk.complete();
    core.turn();
    CHECK_FALSE(disk.exists);
    CHECK(disk.stable_sectors(4) == pattern(4, 1, 1));
}

TEST_CASE("close() flushes every export once, and then the core is idle", "[core][durability]") {
    CoreFixture core;
    Disk& one = core.add_export(with_cache(), {1, 1});
    Disk& two = core.add_export(with_cache(), {1, 2});
    core.ask(write_request(4, pattern(4, 1, 1)));
    one.immediate = two.immediate = false;
    one.log.clear();
    core.core.close();
    core.core.close();
    CHECK_FALSE(core.core.idle());
    core.turn();
    for (Disk* disk : {&one, &two}) {
        REQUIRE(disk->log.size() == 1);
        CHECK(disk->log[0].op == Op::flush);
        CHECK_FALSE(core.core.idle());
        disk->complete();
        core.turn();
    }
    CHECK(core.core.idle());
    CHECK(one.stable_sectors(4) == pattern(4, 1, 1));
}

TEST_CASE("an export that is removed from a core that is closing is flushed once", "[core][durability]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache());
    disk.immediate = false;
    core.core.close();
    core.core.remove_export({1, 1});
    core.turn();
    while (!disk.pending.empty()) {
        disk.complete();
        core.turn();
    }
    CHECK(disk.log.size() == 1);
    CHECK_FALSE(disk.exists);
}

TEST_CASE("a flush at the end that fails does not keep the core", "[core][durability]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache());
    disk.error_of = [](const Disk::Io&) { return EIO; };
    core.core.close();
    core.turn();
    CHECK(core.core.idle());
}

TEST_CASE("a flush that fails at the end of a removed export is counted when the export has gone",
          "[core][durability]") {
    CoreFixture core;
    Disk& bad = core.add_export(with_cache(), {1, 1});
    core.add_export(with_cache(), {1, 2});
    bad.immediate = false;
    core.core.remove_export({1, 2});
    core.core.remove_export({1, 1});
    core.turn();
    CHECK(core.core.failed_last_flushes() == 0);
    bad.fail(EIO);
    core.turn();
    CHECK_FALSE(bad.exists);
    CHECK(core.core.failed_last_flushes() == 1);
}
