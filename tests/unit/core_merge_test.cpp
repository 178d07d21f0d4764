// The scheduler: neighbours are done together (lib/core/ordering.md H3).
#include "core_fixture.hpp"
#include "support/catch.hpp"

using namespace aoetest;
using Op = Disk::Op;

namespace {

Bytes joined(const Bytes& one, const Bytes& two) {
    Bytes all = one;
    all.insert(all.end(), two.begin(), two.end());
    return all;
}

/// Two sectors each, and a turn for each.
void write_one_by_one(CoreFixture& core, std::initializer_list<std::uint64_t> firsts,
                      std::uint8_t command = ata::write_sectors_ext) {
    for (const std::uint64_t first : firsts) {
        core.send(write_request(first, pattern(first, 2, 1), command));
        core.turn();
    }
}

} // namespace

TEST_CASE("neighbours of one batch become one operation of the device", "[core][merge]") {
    const bool write = GENERATE(true, false);
    // In any order that lets each meet a neighbour.
    const auto order =
        GENERATE(values<std::vector<unsigned>>({{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 2, 0, 3}, {2, 1, 3, 0}}));
    CoreFixture core;
    Disk& disk = core.add_export();
    std::vector<std::uint32_t> tags;
    for (const unsigned i : order) {
        const std::uint64_t lba = 10 + 2 * i;
        tags.push_back(core.send(write ? write_request(lba, pattern(lba, 2, 5)) : read_request(lba, 2)));
    }
    core.turn();
    REQUIRE(disk.log.size() == 1);
    CHECK(disk.log[0].op == (write ? Op::write : Op::read));
    CHECK(disk.log[0].range == aoetarget::SectorRange{10, 8});
    CHECK(disk.log[0].buffers == 4);
    for (std::size_t i = 0; i < tags.size(); ++i) {
        const Reply reply = core.reply(tags[i]);
        CHECK(reply.succeeded());
        if (!write)
            CHECK(reply.data() == pattern(10 + 2 * order[i], 2));
    }
    if (write)
        CHECK(disk.sectors(10, 8) == pattern(10, 8, 5));
    CHECK(core.stats().device_operations == 1);
}

TEST_CASE("neighbours that do not belong together are done apart", "[core][merge]") {
    struct Row {
        const char* name;
        Request first, second;
    };
    const Row row = GENERATE(values<Row>({
        {"read and write", read_request(4, 2), write_request(6, pattern(6, 2))},
        {"a gap", write_request(4, pattern(4, 2)), write_request(7, pattern(7, 1))},
        {"durable or not", write_request(4, pattern(4, 2)), write_request(6, pattern(6, 1), 0x3D)},
        {"verify", read_request(4, 2), ata_request(0x42, 0, 2, 6)},
    }));
    CAPTURE(row.name);
    CoreFixture core;
    Disk& disk = core.add_export(with_cache(64));
    core.send(row.first);
    core.send(row.second);
    core.turn();
    CHECK(disk.log.size() == 2);
}

TEST_CASE("a request does not join an operation that the device already has", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(read_request(4, 2));
    core.turn();
    core.send(read_request(6, 2));
    core.turn();
    CHECK(disk.pending.size() == 2);
    core.drain(disk);
}

TEST_CASE("of a run of writes the device has two parts, and the rest waits together", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    std::vector<std::uint32_t> tags;
    const auto write = [&](std::uint64_t first) {
        tags.push_back(core.send(write_request(first, pattern(first, 2, 1))));
        core.turn();
    };
    write(4);
    write(6); // two at once: a window of two is not held up
    CHECK(disk.pending.size() == 2);
    write(8);
    write(10);
    write(12);
    CHECK(disk.pending.size() == 2);
    write(30); // elsewhere
    write(2);  // before it
    CHECK(disk.pending.size() == 4);
    CHECK(core.stats().ordered == 0);
    disk.complete(1); // the second part: the first is still under way
    core.turn();
    CHECK(disk.pending.size() == 3);
    disk.complete();
    core.turn();
    REQUIRE(disk.pending.size() == 3);
    CHECK(disk.pending.back()->range == aoetarget::SectorRange{8, 6});
    core.drain(disk);
    for (const std::uint32_t tag : tags)
        CHECK(core.reply(tag).succeeded());
    CHECK(disk.sectors(2, 12) == pattern(2, 12, 1));
}

TEST_CASE("the second part of a run is begun when it is as large as the first, or the first is over",
          "[core][merge]") {
    CoreFixture core({.mtu = 9000});
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    const auto write = [&](std::uint64_t first, std::uint64_t count) {
        core.send(write_request(first, pattern(first, count, 1)));
        core.turn();
    };
    write(0, 6);
    write(6, 2);
    write(8, 2);
    CHECK(disk.pending.size() == 1);
    write(10, 2);
    REQUIRE(disk.pending.size() == 2);
    CHECK(disk.pending.back()->range == aoetarget::SectorRange{6, 6});
    disk.complete();
    core.turn();
    write(12, 2);
    CHECK(disk.pending.size() == 1);
    disk.complete();
    core.turn();
    REQUIRE(disk.pending.size() == 1);
    CHECK(disk.pending.back()->range == aoetarget::SectorRange{12, 2});
    write(14, 2);
    CHECK(disk.pending.size() == 2);
    core.drain(disk);
    CHECK(disk.sectors(0, 16) == pattern(0, 16, 1));
}

TEST_CASE("a write that has grown enough leaves the line, and those behind it stay", "[core][merge]") {
    CoreFixture core({.mtu = 9000});
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    core.send(write_request(0, pattern(0, 4, 1)));
    core.turn();
    const auto grows = core.send(write_request(4, pattern(4, 2, 1)));
    const auto read = core.send(read_request(3, 1)); // waits for the first, too
    const auto write = core.send(write_request(2, pattern(2, 1, 2)));
    core.turn();
    CHECK(disk.pending.size() == 1);
    const auto joins = core.send(write_request(6, pattern(6, 2, 1)));
    core.turn();
    CHECK(disk.pending.size() == 2);
    disk.complete(1);
    core.turn();
    CHECK(core.answered(grows));
    CHECK(core.answered(joins));
    CHECK_FALSE(core.answered(read));
    core.drain(disk);
    CHECK(core.reply(read).data() == pattern(3, 1, 1));
    CHECK(core.reply(write).succeeded());
    CHECK(disk.sectors(2, 6) == joined(pattern(2, 1, 2), pattern(3, 5, 1)));
}

TEST_CASE("a second part that can hardly grow any more is begun", "[core][merge]") {
    CoreFixture core({.buffer_count = 250, .mtu = 9300, .slots = 600});
    Disk& disk = core.add_export(with_cache(4096));
    disk.immediate = false;
    std::uint64_t end = 0;
    const auto write = [&](std::uint64_t count) {
        core.send(write_request(end, pattern(end, count, 1)));
        end += count;
    };
    SECTION("for lack of sectors") {
        for (int i = 0; i < 16; ++i)
            write(16);
        core.turn();
        for (int i = 0; i < 16; ++i) {
            write(17); // 255 together, and the next is too much
            core.turn();
        }
        REQUIRE(disk.pending.size() == 2);
        CHECK(disk.pending.back()->range.first == 256);
    }
    SECTION("for lack of requests") {
        for (int i = 0; i < 15; ++i)
            write(17);
        core.turn();
        for (int i = 0; i < 70; ++i) {
            write(1); // of which one operation takes 64
            core.turn();
        }
        REQUIRE(disk.pending.size() == 2);
        CHECK(disk.pending.back()->range.first == 255);
    }
    core.drain(disk);
}

TEST_CASE("a write that has grown enough still waits for the operations that it overlaps by then",
          "[core][merge]") {
    CoreFixture core({.mtu = 9000});
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    const auto write = [&](std::uint64_t first, std::uint64_t count, std::uint32_t version) {
        const auto tag = core.send(write_request(first, pattern(first, count, version)));
        core.turn();
        return tag;
    };
    write(6, 1, 1);
    write(0, 4, 1);
    const auto held = write(4, 2, 2); // goes on behind 0 to 3
    const auto joins = write(6, 2, 2);
    CHECK(disk.pending.size() == 2);
    disk.complete(1); // 0 to 3
    core.turn();
    CHECK(disk.pending.size() == 1);
    disk.complete(); // 6
    core.turn();
    REQUIRE(disk.pending.size() == 1);
    CHECK(disk.pending.back()->range == aoetarget::SectorRange{4, 4});
    core.drain(disk);
    CHECK(core.reply(held).succeeded());
    CHECK(core.reply(joins).succeeded());
    CHECK(disk.sectors(4, 4) == pattern(4, 4, 2));
}

TEST_CASE(
    "a write that was held to grow keeps its order among the operations that it overlaps once it has grown",
    "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    write_one_by_one(core, {10, 4, 6});
    const auto held = core.send(write_request(8, pattern(8, 2, 2))); // goes on behind 4 and 6
    const auto joins = core.send(write_request(10, pattern(10, 2, 3)));
    core.turn();
    REQUIRE(disk.pending.size() == 3);
    disk.complete(1); // 4: the one that was joined waits for 10 still
    core.turn();
    CHECK(disk.pending.size() == 2);
    CHECK_FALSE(core.answered(held));
    core.drain(disk);
    CHECK(core.reply(held).succeeded());
    CHECK(core.reply(joins).succeeded());
    CHECK(disk.sectors(10, 2) == pattern(10, 2, 3));
}

TEST_CASE("nothing is held behind a write that is being made stable", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    write_one_by_one(core, {4, 6}, ata::write_dma_fua_ext);
    write_one_by_one(core, {8});
    CHECK(disk.pending.size() == 3);
    core.drain(disk);
}

TEST_CASE("a durable write is not held to grow", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_cache(64));
    disk.immediate = false;
    write_one_by_one(core, {4, 6});
    write_one_by_one(core, {8}, ata::write_dma_fua_ext);
    CHECK(disk.pending.size() == 3);
    core.drain(disk);
}

TEST_CASE("merging stops at 64 requests and at 256 sectors", "[core][merge]") {
    CoreFixture core({.buffer_count = 150, .mtu = 9000, .slots = 300});
    Disk& disk = core.add_export(4096);
    core.ask(read_request(0, 1));
    disk.log.clear();
    for (unsigned i = 0; i < 130; ++i)
        core.send(read_request(i, 1));
    core.turn();
    CHECK(disk.log.size() == 3);
    for (const Disk::Logged& each : disk.log)
        CHECK(each.buffers <= 64);
    disk.log.clear();
    for (unsigned i = 0; i < 40; ++i)
        core.send(read_request(1000 + 16 * i, 16));
    core.turn();
    CHECK(disk.log.size() == 3);
    for (const Disk::Logged& each : disk.log)
        CHECK(each.range.count <= 256);
}

TEST_CASE("the largest single request is one operation", "[core][merge]") {
    CoreFixture core({.mtu = 255 * 512 + 36});
    Disk& disk = core.add_export(512);
    CHECK(core.ask(read_request(1, 255)).data() == pattern(1, 255));
    CHECK(disk.log.size() == 1);
}

TEST_CASE("neighbours that wait for the same change continue together", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(8, pattern(8, 2, 1)));
    core.turn();
    core.send(write_request(8, pattern(8, 2, 2)));
    core.turn();
    core.send(write_request(10, pattern(10, 2, 2))); // nothing is in its way but it may ride along
    core.turn();
    core.drain(disk);
    CHECK(disk.sectors(8, 4) == pattern(8, 4, 2));
    CHECK(core.stats().device_operations <= 3);
}

TEST_CASE("a request does not join a neighbour past something newer in its way", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    core.send(write_request(0, pattern(0, 1, 1)));
    core.turn();                                   // running on 0
    core.send(write_request(0, pattern(0, 2, 2))); // waits, covers 0-1
    core.turn();
    const std::uint32_t read = core.send(read_request(2, 1)); // runs
    core.turn();
    const std::uint32_t write =
        core.send(write_request(2, pattern(2, 1, 3))); // neighbour of the waiting write, but after the read
    core.turn();
    core.drain(disk);
    CHECK(core.reply(read).data() == pattern(2, 1));
    CHECK(core.reply(write).succeeded());
    CHECK(disk.sectors(0, 3) == joined(pattern(0, 2, 2), pattern(2, 1, 3)));
}

TEST_CASE("of a merged operation that fails each request gets its own answer", "[core][merge]") {
    const bool write = GENERATE(true, false);
    const unsigned bad = GENERATE(0u, 1u, 2u, 3u);
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.error_of = [&](const Disk::Io& io) { return io.range.overlaps({10 + 2 * bad, 1}) ? EIO : 0; };
    std::vector<std::uint32_t> tags;
    for (unsigned i = 0; i < 4; ++i)
        tags.push_back(core.send(write ? write_request(10 + 2 * i, pattern(10 + 2 * i, 2, 5))
                                       : read_request(10 + 2 * i, 2)));
    core.turn();
    CHECK(disk.log.size() == 5); // together, then each alone
    for (unsigned i = 0; i < 4; ++i) {
        const Reply reply = core.reply(tags[i]);
        if (i == bad) {
            CHECK(reply.status() == (write ? status_fault : status_error));
            CHECK(reply.count() == 2);
        } else {
            CHECK(reply.succeeded());
            if (!write)
                CHECK(reply.data() == pattern(10 + 2 * i, 2));
        }
        CHECK(disk.sectors(10 + 2 * i, 2) == pattern(10 + 2 * i, 2, write && i != bad ? 5 : 0));
    }
    CHECK(core.stats().ata_errors == 1);
}

TEST_CASE("of a merged operation that found no resources each request is tried alone", "[core][merge]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.error_of = [&](const Disk::Io& io) {
        return io.buffers.size() > 1 || io.range.first == 12 ? EAGAIN : 0;
    };
    std::vector<std::uint32_t> tags;
    for (unsigned i = 0; i < 3; ++i)
        tags.push_back(core.send(read_request(10 + 2 * i, 2)));
    core.turn();
    CHECK(core.reply(tags[0]).succeeded());
    CHECK_FALSE(core.answered(tags[1]));
    CHECK(core.reply(tags[2]).succeeded());
    CHECK(core.stats().dropped == 1);
}
