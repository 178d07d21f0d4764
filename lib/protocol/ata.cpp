// The layout of the ATA header, and the table of ATA commands.
#include "protocol/ata.hpp"

namespace aoetarget::protocol {
namespace {

constexpr std::size_t at_flags = 24, at_feature = 25, at_count = 26, at_command = 27, at_lba = 28,
                      at_reserved = 34;

constexpr AtaCommand reads(bool lba48) {
    return {.action = AtaAction::read, .lba48 = lba48};
}
constexpr AtaCommand writes(bool lba48, bool durable = false) {
    return {.action = AtaAction::write, .lba48 = lba48, .durable = durable, .allowed_on_wildcard = false};
}
constexpr AtaCommand verifies(bool lba48) {
    return {.action = AtaAction::verify, .lba48 = lba48};
}
constexpr AtaCommand harmless(AtaAction action) {
    return {.action = action, .needs_reservation = false};
}

// lib/protocol/README.md, "ATA commands". Commands that are not in the table are aborted, and need the
// reservation.
constexpr std::array<AtaCommand, 256> make_table() {
    std::array<AtaCommand, 256> table{};
    for (const int opcode : {0x00, 0x27, 0xF8, 0x2F, 0x47, 0x91, 0xC6, 0xA1, 0xB0})
        table[static_cast<std::size_t>(opcode)] = harmless(AtaAction::abort);
    table[0x06] = {.action = AtaAction::data_set_management, .lba48 = true, .allowed_on_wildcard = false};
    table[0x20] = table[0x21] = table[0xC8] = table[0xC9] = reads(false);
    table[0x24] = table[0x25] = reads(true);
    table[0x30] = table[0x31] = table[0xCA] = table[0xCB] = writes(false);
    table[0x34] = table[0x35] = writes(true);
    table[0x3D] = writes(true, true);
    table[0x40] = table[0x41] = verifies(false);
    table[0x42] = verifies(true);
    table[0x90] = harmless(AtaAction::diagnostic);
    table[0xE0] = table[0xE2] = table[0xE6] = {.action = AtaAction::standby};
    table[0x94] = table[0x96] = table[0x99] = {.action = AtaAction::standby};
    table[0xE1] = table[0xE3] = table[0x95] = table[0x97] = {.action = AtaAction::idle};
    table[0xE5] = table[0x98] = harmless(AtaAction::check_power_mode);
    table[0xE7] = table[0xEA] = harmless(AtaAction::flush);
    table[ata_identify] = harmless(AtaAction::identify);
    table[0xEF] = {.action = AtaAction::set_features, .allowed_on_wildcard = false};
    return table;
}

constexpr std::array<AtaCommand, 256> command_table = make_table();

} // namespace

std::optional<AtaRegisters> AtaRegisters::parse(ConstBytes frame) {
    if (frame.size() < ata_header_bytes)
        return std::nullopt;
    AtaRegisters registers;
    registers.flags = get_u8(frame, at_flags);
    registers.feature_or_error = get_u8(frame, at_feature);
    registers.count = get_u8(frame, at_count);
    registers.command_or_status = get_u8(frame, at_command);
    for (std::size_t i = 0; i < registers.lba.size(); ++i)
        registers.lba[i] = get_u8(frame, at_lba + i);
    return registers;
}

void AtaRegisters::write(Bytes frame) const {
    put_u8(frame, at_flags, flags);
    put_u8(frame, at_feature, feature_or_error);
    put_u8(frame, at_count, count);
    put_u8(frame, at_command, command_or_status);
    for (std::size_t i = 0; i < lba.size(); ++i)
        put_u8(frame, at_lba + i, lba[i]);
    put_be16(frame, at_reserved, 0);
}

std::uint64_t AtaRegisters::lba28() const {
    return std::uint64_t{lba[0]} | std::uint64_t{lba[1]} << 8 | std::uint64_t{lba[2]} << 16 |
           std::uint64_t{lba[3] & 0x0FU} << 24;
}

std::uint64_t AtaRegisters::lba48() const {
    std::uint64_t value = 0;
    for (std::size_t i = lba.size(); i-- > 0;)
        value = value << 8 | lba[i];
    return value;
}

void AtaRegisters::set_lba48(std::uint64_t value) {
    for (std::uint8_t& byte : lba) {
        byte = static_cast<std::uint8_t>(value);
        value >>= 8;
    }
}

const AtaCommand& ata_command(std::uint8_t opcode) {
    return command_table[opcode];
}

SectorRange dsm_entry(ConstBytes data, std::size_t index) {
    const std::size_t at = index * dsm_entry_bytes;
    const std::uint64_t first = std::uint64_t{get_le16(data, at)} |
                                std::uint64_t{get_le16(data, at + 2)} << 16 |
                                std::uint64_t{get_le16(data, at + 4)} << 32;
    return {first, get_le16(data, at + 6)};
}

} // namespace aoetarget::protocol
