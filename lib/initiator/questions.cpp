// Writes questions, and reads answers.
#include "initiator/questions.hpp"

#include "protocol/identify.hpp"

#include <algorithm>
#include <utility>

namespace aoetarget::initiator {
namespace {

using protocol::AoeCommand, protocol::AoeError;

/// Linux fails a command on any of these: BSY, DF, DRQ, ERR (lib/protocol/README.md, "Registers in the
/// answer").
constexpr std::uint8_t ata_status_bad = 0xA9;

/// READ SECTORS with 28-bit addresses, which every target knows, and what its Device register has.
constexpr std::uint8_t ata_read_sectors = 0x20, lba_mode = 0xE0;

void write_header(Bytes frame, const Route& route, AoeCommand command, std::uint32_t tag) {
    protocol::Header header;
    header.destination = route.destination;
    header.source = route.source;
    header.shelf = route.address.shelf;
    header.slot = route.address.slot;
    header.command = static_cast<std::uint8_t>(command);
    header.tag = tag;
    header.write(frame);
}

bool is_success(const protocol::Header& header, AoeCommand command) {
    return header.error == AoeError::none && header.command == static_cast<std::uint8_t>(command);
}

} // namespace

void write_config_question(Bytes frame, const Route& route, std::uint32_t tag) {
    write_header(frame, route, AoeCommand::query_config, tag);
    protocol::QueryConfig{}.write(frame);
}

void write_ata_question(Bytes frame, const Route& route, std::uint32_t tag,
                        const protocol::AtaRegisters& registers) {
    write_header(frame, route, AoeCommand::ata, tag);
    registers.write(frame);
}

protocol::AtaRegisters identify_registers() {
    protocol::AtaRegisters registers;
    registers.count = 1;
    registers.command_or_status = protocol::ata_identify;
    return registers;
}

protocol::AtaRegisters read_registers(unsigned sectors) {
    protocol::AtaRegisters registers;
    registers.count = static_cast<std::uint8_t>(sectors);
    registers.command_or_status = ata_read_sectors;
    registers.lba[3] = lba_mode;
    return registers;
}

std::optional<protocol::Header> read_answer(ConstBytes frame) {
    const auto header = protocol::Header::parse(frame);
    if (!header || !header->response || header->version != protocol::aoe_version || header->is_wildcard())
        return std::nullopt;
    return header;
}

std::optional<DiscoveredTarget> read_config(const protocol::Header& header, ConstBytes frame) {
    const auto query = protocol::QueryConfig::parse(frame);
    if (!is_success(header, AoeCommand::query_config) || !query)
        return std::nullopt;
    DiscoveredTarget target;
    target.address = {header.shelf, header.slot};
    target.mac = header.source;
    target.sectors_per_frame = query->sectors_per_frame;
    target.buffer_count = query->buffer_count;
    target.firmware_version = query->firmware_version;
    const ConstBytes text = frame.subspan(protocol::query_config_bytes);
    const std::size_t text_bytes = std::min<std::size_t>(query->string_length, text.size());
    target.config_string.assign(reinterpret_cast<const char*>(text.data()), text_bytes);
    return target;
}

std::optional<protocol::AtaRegisters> read_ata_success(const protocol::Header& header, ConstBytes frame,
                                                       std::size_t data_bytes) {
    const auto registers = protocol::AtaRegisters::parse(frame);
    if (!is_success(header, AoeCommand::ata) || !registers ||
        (registers->command_or_status & ata_status_bad) != 0 ||
        frame.size() < protocol::ata_header_bytes + data_bytes)
        return std::nullopt;
    return registers;
}

bool take_identity(const protocol::Header& header, ConstBytes frame, DiscoveredTarget& target) {
    if (!header.addresses(target.address) || header.source != target.mac ||
        !read_ata_success(header, frame, sector_bytes))
        return false;
    const auto summary = protocol::IdentifySummary::parse(frame.subspan(protocol::ata_header_bytes));
    target.sectors = summary.sectors;
    target.model = protocol::unpadded({summary.model.data(), summary.model.size()});
    target.serial = protocol::unpadded({summary.serial.data(), summary.serial.size()});
    return true;
}

} // namespace aoetarget::initiator
