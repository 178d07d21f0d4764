// Devices with large blocks or strict alignment, verification and discards: the data that goes through the
// bounce buffers.
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <cerrno>

using namespace aoetest;
using aoetarget::SectorRange;
using Op = Disk::Op;

namespace {

aoetarget::Geometry with_discard(std::uint64_t sectors, std::uint32_t block_bytes = 512) {
    aoetarget::Geometry geometry = geometry_of(sectors, block_bytes);
    geometry.discard = true;
    return geometry;
}

std::vector<SectorRange> ranges(const Disk& disk, Op op) {
    std::vector<SectorRange> all;
    for (const Disk::Logged& each : disk.log) {
        if (each.op == op)
            all.push_back(each.range);
    }
    return all;
}

Request verify(std::uint64_t first, std::uint8_t count, std::uint8_t opcode = 0x42) {
    return ata_request(opcode, 0, count, first);
}

} // namespace

TEST_CASE("any range can be written to and read from a device of any block size", "[core][blocks]") {
    const std::uint32_t block = GENERATE(512u, 1024u, 4096u, 65536u);
    const std::uint32_t alignment = GENERATE(1u, 512u, 4096u);
    const std::size_t payload_alignment = GENERATE(512u, 4096u);
    CoreFixture core({.mtu = 9000, .payload_alignment = payload_alignment});
    aoetarget::Geometry geometry = geometry_of(256, block);
    geometry.memory_alignment = alignment;
    Disk& disk = core.add_export(geometry);
    Bytes model = disk.data;
    std::uint32_t version = 1;
    CAPTURE(block, alignment, payload_alignment);
    for (const std::uint64_t first : {0U, 1U, 5U, 7U, 8U, 9U, 127U, 128U, 239U}) {
        for (const unsigned count : {1u, 2u, 7u, 8u, 9u, 16u, 17u}) {
            CAPTURE(first, count);
            const Bytes data = pattern(first, count, ++version);
            std::copy(data.begin(), data.end(),
                      model.begin() + static_cast<std::ptrdiff_t>(first * sector_bytes));
            CHECK(core.ask(write_request(first, data)).succeeded());
            CHECK(core.ask(read_request(first, static_cast<std::uint8_t>(count))).data() == data);
        }
    }
    CHECK(disk.data == model);
    CHECK(disk.violations.empty());
    CHECK((core.stats().patched > 0) == (block > 512));
}

TEST_CASE("a partial block is read, patched and written; only its ends are read", "[core][blocks]") {
    struct Row {
        std::uint64_t first;
        unsigned count;
        std::vector<SectorRange> reads;
        SectorRange written;
    };
    const Row row = GENERATE(values<Row>({
        {8, 8, {}, {8, 8}},
        {0, 16, {}, {0, 16}},
        {9, 2, {{8, 8}}, {8, 8}},
        {8, 3, {{8, 8}}, {8, 8}},
        {13, 3, {{8, 8}}, {8, 8}},
        {12, 8, {{8, 8}, {16, 8}}, {8, 16}},
        {8, 12, {{16, 8}}, {8, 16}},
        {12, 12, {{8, 8}}, {8, 16}},
        {12, 17, {{8, 8}, {24, 8}}, {8, 24}},
    }));
    CAPTURE(row.first, row.count);
    CoreFixture core({.mtu = 9000});
    Disk& disk = core.add_export(geometry_of(64, 4096));
    CHECK(core.ask(write_request(row.first, pattern(row.first, row.count, 1))).succeeded());
    CHECK(ranges(disk, Op::read) == row.reads);
    CHECK(ranges(disk, Op::write) == std::vector{row.written});
    CHECK(core.stats().patched == (row.reads.empty() ? 0 : 1));
    CHECK(disk.sectors(row.first, row.count) == pattern(row.first, row.count, 1));
    CHECK(disk.sectors(0, row.first) == pattern(0, row.first));
    const std::uint64_t end = row.first + row.count;
    CHECK(disk.sectors(end, 64 - end) == pattern(end, 64 - end));
}

TEST_CASE("data that lies as the device asks is not copied", "[core][blocks]") {
    const std::size_t payload_alignment = GENERATE(512u, 4096u);
    CoreFixture core({.mtu = 9000, .payload_alignment = payload_alignment});
    aoetarget::Geometry geometry = geometry_of(64, 4096);
    geometry.memory_alignment = 4096;
    Disk& disk = core.add_export(geometry);
    core.send(write_request(8, pattern(8, 8, 1)));
    core.send(write_request(16, pattern(16, 8, 1)));
    core.turn();
    REQUIRE(disk.log.size() == 1);
    CHECK(disk.log[0].buffers == (payload_alignment == 4096 ? 2 : 1));
    CHECK(disk.sectors(8, 16) == pattern(8, 16, 1));
}

TEST_CASE("two requests for one block exclude each other, though their sectors do not overlap",
          "[core][blocks]") {
    CoreFixture core;
    Disk& disk = core.add_export(geometry_of(64, 4096));
    disk.immediate = false;
    core.send(write_request(8, pattern(8, 1, 1)));
    core.turn();
    core.send(write_request(15, pattern(15, 1, 2)).from(other_client_mac));
    const std::uint32_t read = core.send(read_request(12, 1));
    core.turn();
    CHECK(disk.pending.size() == 1);
    core.drain(disk);
    CHECK(core.reply(read).data() == pattern(12, 1));
    CHECK(disk.sectors(8) == pattern(8, 1, 1));
    CHECK(disk.sectors(15) == pattern(15, 1, 2));
}

TEST_CASE("neighbours within one block are patched together", "[core][blocks]") {
    CoreFixture core;
    Disk& disk = core.add_export(geometry_of(64, 4096));
    for (unsigned i = 0; i < 4; ++i)
        core.send(write_request(8 + 2 * i, pattern(8 + 2 * i, 2, 1)));
    core.turn();
    CHECK(ranges(disk, Op::read).empty());
    CHECK(ranges(disk, Op::write) == std::vector{SectorRange{8, 8}});
    CHECK(disk.sectors(8, 8) == pattern(8, 8, 1));
}

TEST_CASE("an error while patching is the answer, and nothing is written", "[core][blocks]") {
    CoreFixture core({.mtu = 9000});
    Disk& disk = core.add_export(geometry_of(64, 4096));
    const std::uint64_t bad_block = GENERATE(8u, 24u);
    disk.error_of = [&](const Disk::Io& io) {
        return io.op == Op::read && io.range.first == bad_block ? EIO : 0;
    };
    const Reply reply = core.ask(write_request(12, pattern(12, 15, 1)));
    CHECK(reply.status() == status_fault);
    CHECK(ranges(disk, Op::write).empty());
    CHECK(disk.data == pattern(0, 64));
}

TEST_CASE("of patched neighbours that fail together each gets its own answer", "[core][blocks]") {
    CoreFixture core;
    Disk& disk = core.add_export(geometry_of(64, 4096));
    disk.error_of = [](const Disk::Io& io) { return io.range.overlaps({16, 8}) ? EIO : 0; };
    const std::uint32_t good = core.send(write_request(14, pattern(14, 2, 1)));
    const std::uint32_t bad = core.send(write_request(16, pattern(16, 2, 1)));
    core.turn();
    CHECK(core.reply(good).succeeded());
    CHECK(core.reply(bad).status() == status_fault);
    CHECK(disk.sectors(14, 2) == pattern(14, 2, 1));
}

TEST_CASE("an export that is removed and added again owns a bounce buffer", "[core][blocks]") {
    CoreFixture core({.bounce_buffers = 2, .slots = 512});
    for (unsigned slot = 0; slot < 4; ++slot)
        core.add_export(geometry_of(256, 4096), address_of(1, slot)).immediate = slot == 3;
    REQUIRE(core.core.remove_export(address_of(1, 3)));
    core.turn();
    for (unsigned i = 0; i < 8; ++i) {
        for (std::uint8_t slot = 0; slot < 3; ++slot) // which hang
            core.send(write_request(16 * i + 1, pattern(16 * i + 1, 1, i)).to(1, slot));
    }
    core.turn();
    core.add_export(geometry_of(256, 4096), address_of(1, 3));
    CHECK(core.ask(write_request(1, pattern(1, 1, 9)).to(1, 3)).succeeded());
    for (Disk& disk : core.disks)
        core.drain(disk);
}

TEST_CASE("requests that find no bounce buffer wait for one, across exports", "[core][blocks]") {
    CoreFixture core({.bounce_buffers = 2});
    std::vector<Disk*> disks;
    for (unsigned slot = 0; slot < 3; ++slot) {
        disks.push_back(&core.add_export(geometry_of(256, 4096), address_of(1, slot)));
        disks.back()->immediate = false;
    }
    std::vector<std::uint32_t> tags;
    for (unsigned i = 0; i < 5; ++i) {
        for (unsigned slot = 0; slot < 3; ++slot)
            tags.push_back(core.send(Request(write_request(16 * i + 1, pattern(16 * i + 1, 1, 1)))
                                         .to(1, static_cast<std::uint8_t>(slot))));
    }
    tags.push_back(core.send(verify(200, 8).to(1, 0)));
    core.turn();
    const auto under_way = [&] {
        std::size_t all = 0;
        for (const Disk* disk : disks)
            all += disk->pending.size();
        return all;
    };
    CHECK(under_way() == 5); // one that each export owns, and two that are shared
    while (under_way() > 0) {
        CHECK(under_way() <= 5);
        for (Disk* disk : disks) {
            if (!disk->pending.empty())
                disk->complete();
        }
        core.turn();
    }
    for (const std::uint32_t tag : tags)
        CHECK(core.reply(tag).succeeded());
    for (const Disk* disk : disks) {
        for (unsigned i = 0; i < 5; ++i)
            CHECK(disk->sectors(16 * i + 1) == pattern(16 * i + 1, 1, 1));
    }
}

TEST_CASE("a verify reads its range from the medium and sends no data", "[core][verify]") {
    const auto [opcode, count, sectors] = GENERATE(table<std::uint8_t, std::uint8_t, std::uint64_t>(
        {{0x40, 1, 1}, {0x41, 255, 255}, {0x40, 0, 256}, {0x42, 8, 8}, {0x42, 0, 65536}}));
    CoreFixture core;
    Disk& disk = core.add_export(geometry_of(65536 + 8));
    CAPTURE(unsigned{opcode}, unsigned{count});
    CHECK(core.ask(verify(3, count, opcode)).succeeded());
    std::uint64_t next = 3;
    for (const SectorRange& range : ranges(disk, Op::read)) {
        CHECK(range.first == next);
        next = range.end();
    }
    CHECK(next == 3 + sectors);
}

TEST_CASE("a verify names the first sector that is bad", "[core][verify]") {
    const std::uint64_t bad = GENERATE(10u, 11u, 200u, 1000u, 1033u);
    const std::uint32_t block = GENERATE(512u, 4096u);
    CoreFixture core;
    Disk& disk = core.add_export(geometry_of(2048, block));
    disk.error_of = [&](const Disk::Io& io) {
        return io.range.overlaps({bad, 1}) || io.range.overlaps({1500, 1}) ? EIO : 0;
    };
    const Reply reply = core.ask(ata_request(0x42, 0, 0, 10)); // 65536: does not fit
    CHECK(reply.ata_error() == error_id_not_found);

    FakeLink& link = *core.link;
    std::uint64_t first = 10;
    std::optional<Reply> failed;
    for (; first < 1034 && !failed; first += 255) {
        const Reply part = core.ask(link, verify(first, 255));
        if (!part.succeeded())
            failed = part;
    }
    REQUIRE(failed);
    CHECK(failed->status() == status_error);
    CHECK(failed->ata_error() == error_uncorrectable);
    std::uint64_t lba = 0;
    for (std::size_t i = 6; i-- > 0;)
        lba = lba << 8 | failed->lba_registers()[i];
    const std::uint64_t block_sectors = block / 512;
    const std::uint64_t expected =
        std::max<std::uint64_t>(bad / block_sectors * block_sectors, (first - 255));
    CAPTURE(bad, block);
    CHECK(lba == expected);
}

TEST_CASE("a 28-bit verify keeps the device bits beside the bad sector", "[core][verify]") {
    CoreFixture core;
    Disk& disk = core.add_export(geometry_of(256));
    disk.error_of = [](const Disk::Io& io) { return io.range.overlaps({77, 1}) ? EIO : 0; };
    const Reply reply = core.ask(verify(0, 0, 0x40));
    CHECK(reply.ata_error() == error_uncorrectable);
    CHECK(reply.lba_registers() == Bytes{77, 0, 0, 0xE0, 0, 0});
}

TEST_CASE("a discard is carried out for the ranges of its list", "[core][discard]") {
    struct Row {
        const char* name;
        std::vector<TrimRange> list;
        std::vector<SectorRange> discarded;
    };
    const Row row = GENERATE(values<Row>({
        {"one range", {{16, 8}}, {{16, 8}}},
        {"empty entries are skipped", {{0, 0}, {16, 8}, {5, 0}, {100, 4}}, {{16, 8}, {100, 4}}},
        {"adjacent entries become one", {{16, 8}, {24, 8}, {32, 1}}, {{16, 17}}},
        {"also across an empty one", {{16, 8}, {0, 0}, {24, 8}}, {{16, 16}}},
        {"not when out of order", {{24, 8}, {16, 8}}, {{24, 8}, {16, 8}}},
        {"the same twice", {{16, 8}, {16, 8}}, {{16, 8}, {16, 8}}},
        {"the whole disk", {{0, 256}}, {{0, 256}}},
        {"nothing", {{5, 0}}, {}},
    }));
    CAPTURE(row.name);
    CoreFixture core;
    Disk& disk = core.add_export(with_discard(256));
    CHECK(core.ask(trim_request(row.list)).succeeded());
    CHECK(ranges(disk, Op::discard) == row.discarded);
}

TEST_CASE("long ranges that come as entries of 65535 sectors are one", "[core][discard]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_discard(4 * 65535));
    CHECK(core.ask(trim_request({{0, 65535}, {65535, 65535}, {2 * 65535, 65535}})).succeeded());
    CHECK(ranges(disk, Op::discard) == std::vector{SectorRange{0, 3 * 65535}});
}

TEST_CASE("of large blocks only whole ones are discarded", "[core][discard]") {
    struct Row {
        TrimRange entry;
        std::vector<SectorRange> discarded;
    };
    const Row row = GENERATE(values<Row>({
        {{8, 8}, {{8, 8}}},
        {{9, 7}, {}},
        {{8, 7}, {}},
        {{9, 14}, {}},
        {{9, 15}, {{16, 8}}},
        {{1, 30}, {{8, 16}}},
    }));
    CoreFixture core;
    Disk& disk = core.add_export(with_discard(256, 4096));
    CHECK(core.ask(trim_request({row.entry})).succeeded());
    CHECK(ranges(disk, Op::discard) == row.discarded);
}

TEST_CASE("one range out of bounds and nothing is discarded", "[core][discard]") {
    const TrimRange bad =
        GENERATE(values<TrimRange>({{256, 1}, {255, 2}, {0xFFFFFFFFFFFF, 1}, {0xFFFFFFFFFFFF, 0xFFFF}}));
    CoreFixture core;
    Disk& disk = core.add_export(with_discard(256));
    const Reply reply = core.ask(trim_request({{0, 8}, bad, {16, 8}}));
    CHECK(reply.status() == status_error);
    CHECK(reply.ata_error() == error_id_not_found);
    CHECK(disk.log.empty());
}

TEST_CASE("a list may fill all blocks of its request", "[core][discard]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_discard(512));
    std::vector<TrimRange> list;
    for (std::uint64_t i = 0; i < 128; ++i)
        list.push_back({4 * i, 2});
    CHECK(core.ask(trim_request(list, 2)).succeeded());
    CHECK(ranges(disk, Op::discard).size() == 128);
    CHECK(disk.sectors(4 * 127, 2) == Bytes(1024, 0));
    CHECK(disk.sectors(4 * 127 + 2, 2) == pattern(4 * 127 + 2, 2));
}

TEST_CASE("a malformed trim is aborted", "[core][discard]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_discard(256));
    Request no_trim = trim_request({{0, 8}});
    no_trim.at(25) = 0;
    Request no_data = trim_request({{0, 8}});
    no_data.at(26) = 0;
    Request too_short = trim_request({{0, 8}});
    too_short.at(26) = 2;
    Request no_direction = trim_request({{0, 8}});
    no_direction.at(24) = aflag_extended;
    for (const Request& request : {no_trim, no_data, too_short, no_direction})
        CHECK(core.ask(request).ata_error() == error_abort);
    CHECK(disk.log.empty());
    core.add_export(geometry_of(256), {1, 2}); // this one cannot discard
    CHECK(core.ask(trim_request({{0, 8}}).to(1, 2)).ata_error() == error_abort);
}

TEST_CASE("a discard that fails half-way ends there with its error", "[core][discard]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_discard(256));
    disk.error_of = [](const Disk::Io& io) { return io.range.first == 32 ? EIO : 0; };
    CHECK(core.ask(trim_request({{0, 8}, {32, 8}, {64, 8}})).status() == status_fault);
    CHECK(ranges(disk, Op::discard).size() == 2);
    CHECK(disk.sectors(64, 8) == pattern(64, 8));
}

TEST_CASE("requests wait for a list whose ranges they touch, and not for what lies between them",
          "[core][discard]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_discard(256));
    disk.immediate = false;
    core.send(trim_request({{10, 2}, {100, 2}}));
    core.turn();
    const std::uint32_t inside = core.send(write_request(101, pattern(101, 1, 1)));
    core.turn();
    CHECK(disk.pending.size() == 1);
    const std::uint32_t between = core.send(write_request(50, pattern(50, 1, 1)));
    const std::uint32_t outside = core.send(write_request(120, pattern(120, 1, 1)));
    core.turn();
    CHECK(disk.pending.size() == 3);
    core.drain(disk);
    for (const std::uint32_t tag : {inside, between, outside})
        CHECK(core.reply(tag).succeeded());
    CHECK(disk.sectors(101, 1) == pattern(101, 1, 1));
}
