// Command 0: which requests are refused, which are carried out, and what the registers say afterwards
// (lib/protocol/README.md, "Command 0: ATA", "ATA commands" and "Device errors").
#include "core_fixture.hpp"
#include "protocol/ata.hpp"
#include "support/catch.hpp"

#include <cerrno>

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::Geometry;
using aoetarget::protocol::AtaAction;

namespace {

constexpr std::uint8_t error_reserved = 6;

struct Outcome {
    std::uint8_t status, error;
    bool operator==(const Outcome&) const = default;
};
constexpr Outcome good{status_good, 0}, aborted{status_error, error_abort},
    outside{status_error, error_id_not_found}, uncorrectable{status_error, error_uncorrectable},
    fault{status_fault, error_abort};

Outcome outcome_of(const Reply& reply) {
    return {reply.status(), reply.ata_error()};
}

Geometry with_discard(std::uint64_t sectors) {
    Geometry geometry = geometry_of(sectors);
    geometry.discard = true;
    return geometry;
}

Request without_flag(Request request) {
    request.at(24) = 0;
    return request;
}

} // namespace

namespace Catch {
template <>
struct StringMaker<Outcome> {
    static std::string convert(const Outcome& outcome) {
        return "status " + std::to_string(outcome.status) + " error " + std::to_string(outcome.error);
    }
};
} // namespace Catch

TEST_CASE("every ATA command gets an answer at once", "[core][ata]") {
    CoreFixture core;
    core.add_export(with_discard(256));
    for (unsigned opcode = 0; opcode < 256; ++opcode) {
        CAPTURE(opcode);
        const auto code = static_cast<std::uint8_t>(opcode);
        const AtaAction action = aoetarget::protocol::ata_command(code).action;
        Request request = ata_request(code, 0, 1, 4);
        if (action == AtaAction::write || action == AtaAction::data_set_management)
            request = ata_request(code, 1, 1, 4, aflag_write, Bytes(sector_bytes, 0));
        else if (action == AtaAction::set_features)
            request.at(25) = 0x03;
        Outcome expected = action == AtaAction::abort ? aborted : good;
        if (action == AtaAction::diagnostic)
            expected.error = 0x01; // passed
        CHECK(outcome_of(core.ask(request)) == expected);
    }
}

TEST_CASE("a read returns the data on the disk", "[core][ata]") {
    const std::uint8_t opcode = GENERATE(values<std::uint8_t>({0x20, 0x21, 0x24, 0x25, 0xC8, 0xC9}));
    CoreFixture core;
    core.add_export();
    const Reply reply = core.ask(read_request(5, 2, opcode));
    CHECK(outcome_of(reply) == good);
    CHECK(reply.data() == pattern(5, 2));
}

TEST_CASE("a write puts its sectors on the disk and no others", "[core][ata]") {
    const std::uint8_t opcode = GENERATE(values<std::uint8_t>({0x30, 0x31, 0x34, 0x35, 0x3D, 0xCA, 0xCB}));
    CoreFixture core;
    const Disk& disk = core.add_export();
    CHECK(outcome_of(core.ask(write_request(5, pattern(5, 2, 7), opcode))) == good);
    CHECK(disk.sectors(5, 2) == pattern(5, 2, 7));
    CHECK(disk.sectors(0, 5) == pattern(0, 5));
    CHECK(disk.sectors(7, 249) == pattern(7, 249));
}

TEST_CASE("the opcode decides between 28 and 48 bits, not the E flag or the LBA bit", "[core][ata]") {
    struct Row {
        std::uint8_t opcode;
        Bytes registers;
        std::uint64_t lba;
    };
    const auto row = GENERATE(values<Row>({
        {0x20, {5, 0, 0, 0, 0, 0}, 5},
        {0x20, {5, 0, 0, 0xF0, 9, 9}, 5}, // the high nibble and the last two registers are no address
        {0x24, {5, 0, 0, 0, 0, 0}, 5},
        {0x20, {0, 0, 0, 1, 0, 0}, 1 << 24},
        {0x24, {0, 0, 0, 1, 0, 0}, 1 << 24},
        {0x24, {0, 0, 0, 0xF0, 0, 0}, 0xF0ULL << 24}, // outside
        {0x24, {0, 0, 0, 0, 1, 0}, 1ULL << 32},
    }));
    const std::uint8_t flags = GENERATE(values<std::uint8_t>({0, aflag_extended}));
    CoreFixture core;
    Geometry geometry = geometry_of(64);
    Disk& disk = core.add_export(geometry);
    Request request = ata_request(row.opcode, 0, 1, 0, flags);
    for (std::size_t i = 0; i < 6; ++i)
        request.at(28 + i) = row.registers[i];
    const Reply reply = core.ask(request);
    CHECK(outcome_of(reply) == (row.lba < 64 ? good : outside));
    CHECK(disk.log.size() == (row.lba < 64 ? 1 : 0));
}

TEST_CASE("a range that is not on the disk is not found, however large", "[core][ata]") {
    struct Row {
        std::uint64_t lba;
        std::uint8_t count;
        bool fits;
    };
    const auto row = GENERATE(values<Row>({{255, 1, true},
                                           {254, 2, true},
                                           {255, 2, false},
                                           {256, 1, false},
                                           {257, 1, false},
                                           {(1ULL << 48) - 1, 1, false},
                                           {(1ULL << 48) - 1, 2, false}}));
    CoreFixture core;
    Disk& disk = core.add_export(256);
    CAPTURE(row.lba, unsigned{row.count});
    CHECK(outcome_of(core.ask(read_request(row.lba, row.count))) == (row.fits ? good : outside));
    CHECK(outcome_of(core.ask(write_request(row.lba, pattern(0, row.count)))) == (row.fits ? good : outside));
    CHECK(outcome_of(core.ask(ata_request(ata::read_verify_ext, 0, row.count, row.lba))) ==
          (row.fits ? good : outside));
    CHECK(disk.log.empty() == !row.fits);
}

TEST_CASE("a transfer of no sectors is aborted", "[core][ata]") {
    CoreFixture core;
    core.add_export();
    CHECK(outcome_of(core.ask(read_request(0, 0))) == aborted);
    CHECK(outcome_of(core.ask(write_request(0, {}))) == aborted);
    CHECK(outcome_of(core.ask(ata_request(0x20, 0, 0, 0))) == aborted);
}

TEST_CASE("a direction that contradicts the command is aborted", "[core][ata]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    CHECK(outcome_of(core.ask(ata_request(0x24, 0, 1, 0, aflag_write, Bytes(512, 0)))) == aborted);
    CHECK(outcome_of(core.ask(without_flag(write_request(0, pattern(0, 1))))) == aborted);
    CHECK(disk.log.empty());
}

TEST_CASE("a write whose data did not all arrive is aborted", "[core][ata]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    Request request = write_request(0, pattern(0, 2));
    request.argument.pop_back();
    CHECK(outcome_of(core.ask(request)) == aborted);
    request = write_request(0, pattern(0, 1));
    request.at(26) = 255;
    CHECK(outcome_of(core.ask(request)) == aborted);
    CHECK(disk.log.empty());
}

TEST_CASE("bytes after the data or the registers are ignored", "[core][ata]") {
    CoreFixture core;
    const Disk& disk = core.add_export();
    Request write = write_request(3, pattern(3, 1, 9));
    write.argument.resize(write.argument.size() + 100, 0xAB);
    CHECK(outcome_of(core.ask(write)) == good);
    CHECK(disk.sectors(3) == pattern(3, 1, 9));
    CHECK(disk.sectors(4) == pattern(4, 1));
    Request read = read_request(0, 2);
    read.argument.resize(read.argument.size() + 1024, 0xAB);
    CHECK(core.ask(read).data() == pattern(0, 2));
}

TEST_CASE("a read is refused only where its answer does not fit the link", "[core][ata]") {
    struct Row {
        unsigned mtu;
        std::uint8_t most;
    };
    // Exact, not the conservative number that is advertised (lib/protocol/README.md, "Sector count" and
    // "Sectors in a frame").
    const auto row = GENERATE(
        values<Row>({{548, 1}, {1046, 2}, {1500, 2}, {4117, 7}, {4118, 8}, {9000, 17}, {65536, 127}}));
    CoreFixture core({.mtu = row.mtu});
    core.add_export(512);
    CAPTURE(row.mtu);
    CHECK(core.ask(read_request(0, row.most)).data() == pattern(0, row.most));
    CHECK(outcome_of(core.ask(read_request(0, static_cast<std::uint8_t>(row.most + 1)))) == aborted);
}

TEST_CASE("a write may be as large as the frame that arrived", "[core][ata]") {
    CoreFixture core({.mtu = 4118});
    const Disk& disk = core.add_export(512);
    CHECK(core.ask(config_request()).sectors_per_frame() == 7);
    CHECK(outcome_of(core.ask(write_request(0, pattern(0, 8, 3)))) == good);
    CHECK(disk.sectors(0, 8) == pattern(0, 8, 3));
}

TEST_CASE("a read-only device is never asked to change, and its flush succeeds", "[core][ata]") {
    Geometry geometry = with_discard(64);
    geometry.read_only = true;
    CoreFixture core;
    Disk& disk = core.add_export(geometry);
    CHECK(outcome_of(core.ask(write_request(0, pattern(0, 1)))) == aborted);
    CHECK(outcome_of(core.ask(write_request(1000, pattern(0, 1)))) == aborted);
    CHECK(outcome_of(core.ask(trim_request({{0, 8}}))) == aborted);
    CHECK(outcome_of(core.ask(flush_request())) == good);
    CHECK(disk.log.empty());
    CHECK(core.ask(read_request(0, 1)).data() == pattern(0, 1));
}

TEST_CASE("IDENTIFY is answered however it is asked", "[core][ata]") {
    CoreFixture core;
    core.add_export();
    Request request = identify_request();
    request.at(26) = GENERATE(values<std::uint8_t>({0, 1, 200}));
    request.at(24) = GENERATE(values<std::uint8_t>({0, aflag_extended}));
    request.at(28) = 0x55;
    request.argument.resize(GENERATE(12u, 36u, 1036u), 0xAB);
    const Reply reply = core.ask(request);
    CHECK(reply.bytes.size() == 548);
    const Identify data(reply.data());
    CHECK(data.sectors_48() == 256);
    CHECK(data.text(10, 19) == "Se1.1");
    CHECK(data.text(23, 26) == "1.2");
}

TEST_CASE(
    "a trim brings at most the blocks of ranges that IDENTIFY names, which a frame of the link can carry",
    "[core][ata]") {
    const auto [mtu, most] = GENERATE(table<unsigned, std::uint8_t>({{1500, 2}, {4200, 8}, {9000, 8}}));
    CoreFixture core({.mtu = mtu});
    core.add_export(with_discard(256));
    CAPTURE(mtu);
    CHECK(Identify(core.ask(identify_request()).data()).words[105] == most);
    CHECK(core.ask(trim_request(std::vector<TrimRange>(std::size_t{64} * most, {0, 8}), most)).succeeded());
    if (mtu > 1500)
        CHECK(core.ask(trim_request(std::vector<TrimRange>(std::size_t{64} * most, {0, 8}),
                                    static_cast<std::uint8_t>(most + 1)))
                  .ata_error() == error_abort);
}

TEST_CASE("CHECK POWER MODE says active in the count register", "[core][ata]") {
    CoreFixture core;
    core.add_export();
    const Reply reply = core.ask(
        ata_request(GENERATE(values<std::uint8_t>({0xE5, 0x98})), 0, GENERATE(values<std::uint8_t>({0, 7}))));
    CHECK(outcome_of(reply) == good);
    CHECK(reply.count() == 0xFF);
}

TEST_CASE("STANDBY and SLEEP flush, IDLE does not", "[core][ata]") {
    const auto [opcode, flushes] = GENERATE(table<std::uint8_t, bool>({{0xE0, true},
                                                                       {0xE2, true},
                                                                       {0xE6, true},
                                                                       {0x94, true},
                                                                       {0x96, true},
                                                                       {0x99, true},
                                                                       {0xE1, false},
                                                                       {0xE3, false},
                                                                       {0x95, false},
                                                                       {0x97, false}}));
    CoreFixture core;
    Disk& disk = core.add_export();
    CHECK(outcome_of(core.ask(ata_request(opcode, 0, 0x99))) == good);
    CHECK(disk.log.size() == (flushes ? 1 : 0));
}

TEST_CASE("SET FEATURES accepts the features that the table names and nothing else", "[core][ata]") {
    const bool cache = GENERATE(false, true);
    Geometry geometry = geometry_of(64);
    geometry.volatile_cache = cache;
    for (unsigned feature = 0; feature < 256; ++feature) {
        CAPTURE(feature, cache);
        CoreFixture core;
        core.add_export(geometry);
        Outcome expected = aborted;
        switch (feature) {
        case 0x02:
            expected = cache ? good : aborted;
            break;
        case 0x03:
        case 0x55:
        case 0x66:
        case 0x82:
        case 0xAA:
        case 0xCC:
            expected = good;
        }
        CHECK(outcome_of(core.ask(ata_request(ata::set_features, static_cast<std::uint8_t>(feature)))) ==
              expected);
    }
}

TEST_CASE("an error of the device becomes the outcome that the table names", "[core][ata]") {
    struct Row {
        int error;
        Outcome read, write, flush;
    };
    const auto row = GENERATE(values<Row>({
        {EIO, uncorrectable, fault, fault},
        {EREMOTEIO, uncorrectable, fault, fault},
        {ENOSPC, uncorrectable, fault, fault},
        {EDQUOT, uncorrectable, fault, fault},
        {EFBIG, uncorrectable, fault, fault},
        {EROFS, aborted, aborted, aborted},
        {EBADF, aborted, aborted, aborted},
        {EPERM, aborted, aborted, aborted},
        {ENODATA, uncorrectable, fault, fault}, // a bad sector, as Linux has it
        {ENODEV, fault, fault, fault},
        {ENXIO, fault, fault, fault},
        {ENOMEDIUM, fault, fault, fault},
    }));
    CoreFixture core;
    Disk& disk = core.add_export_with({.address = {1, 1}, .silence_on_error = 0s}, with_discard(64));
    disk.error_of = [&](const Disk::Io&) { return row.error; };
    CAPTURE(row.error);
    CHECK(outcome_of(core.ask(read_request(4, 2))) == row.read);
    CHECK(outcome_of(core.ask(ata_request(ata::read_verify_ext, 0, 2, 4))) == row.read);
    CHECK(outcome_of(core.ask(write_request(4, pattern(4, 2, 1)))) == row.write);
    CHECK(outcome_of(core.ask(trim_request({{0, 8}}))) == row.write);
    CHECK(outcome_of(core.ask(flush_request())) == row.flush);
    CHECK(core.stats().ata_errors == 5);
}

TEST_CASE("a device that is out of resources is answered for by silence", "[core][ata]") {
    const int error = GENERATE(EAGAIN, ENOMEM);
    CoreFixture core;
    Disk& disk = core.add_export(with_discard(64));
    disk.error_of = [&](const Disk::Io&) { return error; };
    core.expect_silence(read_request(4, 2));
    CHECK(core.acted_upon());
    core.expect_silence(write_request(4, pattern(4, 2)));
    core.expect_silence(ata_request(ata::read_verify_ext, 0, 2, 4));
    core.expect_silence(trim_request({{0, 8}}));
    core.expect_silence(flush_request());
    CHECK(core.stats().dropped == 5);
    disk.error_of = nullptr;
    CHECK(outcome_of(core.ask(read_request(4, 2))) == good);
}

TEST_CASE("a reservation refuses to others the commands that the table says", "[core][ata]") {
    CoreFixture core;
    Disk& disk = core.add_export(with_discard(256));
    core.ask(reserve_request(reserve_set, {other_client_mac}).from(other_client_mac));
    for (unsigned opcode = 0; opcode < 256; ++opcode) {
        CAPTURE(opcode);
        const auto code = static_cast<std::uint8_t>(opcode);
        disk.log.clear();
        const Reply reply = core.ask(ata_request(code, 0, 1, 4));
        const bool refused = aoetarget::protocol::ata_command(code).needs_reservation;
        CHECK(reply.error() == (refused ? error_reserved : 0));
        if (refused) {
            CHECK(reply.status() == code); // the registers are echoed
            CHECK(reply.count() == 1);
            CHECK(disk.log.empty());
        }
    }
    CHECK(outcome_of(core.ask(read_request(0, 1).from(other_client_mac))) == good);
}

TEST_CASE("the statistics count reads, writes, flushes, discards, other commands and errors", "[core][ata]") {
    CoreFixture core;
    core.add_export(with_discard(256));
    core.ask(read_request(0, 2));
    core.ask(write_request(0, pattern(0, 1)));
    core.ask(flush_request());
    core.ask(trim_request({{0, 8}}));
    core.ask(identify_request());
    core.ask(config_request());
    core.ask(ata_request(0xB0));
    const aoetarget::ExportStats stats = core.stats();
    CHECK(stats.reads == 1);
    CHECK(stats.sectors_read == 2);
    CHECK(stats.writes == 1);
    CHECK(stats.sectors_written == 1);
    CHECK(stats.flushes == 1);
    CHECK(stats.discards == 1);
    CHECK(stats.other_commands == 3);
    CHECK(stats.ata_errors == 1);
    CHECK(stats.aoe_errors == 0);
    CHECK(stats.in_flight == 0);
    CHECK(stats.serial == "Se1.1");
    CHECK(stats.sectors == 256);
}
