// ATA registers, and the table of commands row by row as lib/protocol/README.md, "ATA commands" has it.
#include "protocol/ata.hpp"
#include "support/catch.hpp"
#include "support/wire.hpp"

#include <map>

using namespace aoetarget::protocol;
using aoetarget::SectorRange;

namespace {

aoetarget::ConstBytes view(const aoetest::Bytes& bytes) {
    return std::as_bytes(std::span(bytes));
}
aoetarget::Bytes view(aoetest::Bytes& bytes) {
    return std::as_writable_bytes(std::span(bytes));
}

struct Row {
    AtaAction action;
    bool lba48;
    bool durable;
    bool reserved; // refused to those who do not hold the reservation
    bool wildcard; // carried out when addressed to every export
};

constexpr Row reads_28{AtaAction::read, false, false, true, true};
constexpr Row reads_48{AtaAction::read, true, false, true, true};
constexpr Row writes_28{AtaAction::write, false, false, true, false};
constexpr Row writes_48{AtaAction::write, true, false, true, false};
constexpr Row verifies_28{AtaAction::verify, false, false, true, true};
constexpr Row standby{AtaAction::standby, false, false, true, true};
constexpr Row idle{AtaAction::idle, false, false, true, true};
constexpr Row power{AtaAction::check_power_mode, false, false, false, true};
constexpr Row flush{AtaAction::flush, false, false, false, true};
constexpr Row harmless_abort{AtaAction::abort, false, false, false, true};
constexpr Row abort_if_reserved{AtaAction::abort, false, false, true, true};

const std::map<unsigned, Row>& table() {
    static const std::map<unsigned, Row> rows{
        {0x00, harmless_abort}, // NOP
        {0x06, {AtaAction::data_set_management, true, false, true, false}},
        {0x20, reads_28},
        {0x21, reads_28},
        {0x24, reads_48},
        {0xC8, reads_28}, // DMA
        {0xC9, reads_28},
        {0x25, reads_48},
        {0x30, writes_28},
        {0x31, writes_28},
        {0x34, writes_48},
        {0xCA, writes_28}, // DMA
        {0xCB, writes_28},
        {0x35, writes_48},
        {0x3D, {AtaAction::write, true, true, true, false}}, // FUA
        {0x40, verifies_28},
        {0x41, verifies_28},
        {0x42, {AtaAction::verify, true, false, true, true}},
        {0x27, harmless_abort}, // READ NATIVE MAX
        {0xF8, harmless_abort},
        {0x2F, harmless_abort}, // READ LOG
        {0x47, harmless_abort},
        {0x90, {AtaAction::diagnostic, false, false, false, true}},
        {0x91, harmless_abort},
        {0xC6, harmless_abort},
        {0xA1, harmless_abort}, // IDENTIFY PACKET DEVICE
        {0xB0, harmless_abort}, // SMART
        {0xE0, standby},
        {0xE2, standby},
        {0xE6, standby},
        {0x94, standby},
        {0x96, standby},
        {0x99, standby},
        {0xE1, idle},
        {0xE3, idle},
        {0x95, idle},
        {0x97, idle},
        {0xE5, power},
        {0x98, power},
        {0xE7, flush},
        {0xEA, flush},
        {0xEC, {AtaAction::identify, false, false, false, true}},
        {0xEF, {AtaAction::set_features, false, false, true, false}},
    };
    return rows;
}

} // namespace

TEST_CASE("every ATA command does what the table says", "[ata]") {
    for (unsigned opcode = 0; opcode < 256; ++opcode) {
        const auto named = table().find(opcode);
        const Row& row = named != table().end() ? named->second : abort_if_reserved;
        const AtaCommand& command = ata_command(static_cast<std::uint8_t>(opcode));
        CAPTURE(opcode);
        CHECK(command.action == row.action);
        CHECK(command.durable == row.durable);
        CHECK(command.needs_reservation == row.reserved);
        CHECK(command.allowed_on_wildcard == row.wildcard);
        const bool has_address = row.action == AtaAction::read || row.action == AtaAction::write ||
                                 row.action == AtaAction::verify;
        if (has_address)
            CHECK(command.lba48 == row.lba48);
    }
}

TEST_CASE("the registers are read from their places", "[ata]") {
    const aoetest::Bytes frame = aoetest::ata_request(0x24, 0x11, 0x22, 0x665544332211, 0x41).encode();
    const auto registers = AtaRegisters::parse(view(frame));
    REQUIRE(registers);
    CHECK(registers->flags == 0x41);
    CHECK(registers->feature_or_error == 0x11);
    CHECK(registers->count == 0x22);
    CHECK(registers->command_or_status == 0x24);
    CHECK(registers->lba == std::array<std::uint8_t, 6>{0x11, 0x22, 0x33, 0x44, 0x55, 0x66});
    REQUIRE(frame.size() == ata_header_bytes);
    for (std::size_t length = 0; length < ata_header_bytes; ++length)
        CHECK_FALSE(AtaRegisters::parse(view(frame).first(length)));
}

TEST_CASE("the registers are written as they were read, and the reserved bytes as zero", "[ata]") {
    AtaRegisters registers;
    registers.flags = 0x53;
    registers.feature_or_error = 0x10;
    registers.count = 0xFF;
    registers.command_or_status = 0x41;
    registers.lba = {1, 2, 3, 4, 5, 6};
    aoetest::Reply written{aoetest::Bytes(ata_header_bytes, 0xEE)};
    registers.write(view(written.bytes));
    CHECK(written.aflags() == 0x53);
    CHECK(written.ata_error() == 0x10);
    CHECK(written.count() == 0xFF);
    CHECK(written.status() == 0x41);
    CHECK(written.lba_registers() == aoetest::Bytes{1, 2, 3, 4, 5, 6});
    CHECK(written.word_at(34) == 0);
}

TEST_CASE("a 28-bit address takes four bits of the fourth register and nothing of the last two", "[ata]") {
    AtaRegisters registers;
    registers.lba = {0x21, 0x43, 0x65, 0xE7, 0x99, 0xAA};
    CHECK(registers.lba28() == 0x7654321);
    registers.lba = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    CHECK(registers.lba28() == 0x0FFFFFFF);
}

TEST_CASE("a 48-bit address takes all six registers", "[ata]") {
    AtaRegisters registers;
    registers.lba = {0x21, 0x43, 0x65, 0xE7, 0x99, 0xAA};
    CHECK(registers.lba48() == 0xAA99E7654321);
    registers.set_lba48(0x010203040506);
    CHECK(registers.lba == std::array<std::uint8_t, 6>{6, 5, 4, 3, 2, 1});
    CHECK(registers.lba48() == 0x010203040506);
}

TEST_CASE("a range to discard has 48 bits of address and 16 of length, little-endian", "[ata]") {
    const aoetest::Bytes frame =
        aoetest::trim_request({{0x665544332211, 0x8877}, {0, 0}, {1, 0xFFFF}}).encode();
    const auto list = view(frame).subspan(ata_header_bytes);
    CHECK(dsm_entry(list, 0) == SectorRange{0x665544332211, 0x8877});
    CHECK(dsm_entry(list, 1) == SectorRange{0, 0});
    CHECK(dsm_entry(list, 2) == SectorRange{1, 0xFFFF});
    CHECK(dsm_entry(list, 63) == SectorRange{});
}
