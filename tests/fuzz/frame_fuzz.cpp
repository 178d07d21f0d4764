// Runs every parser of a frame on the same bytes: none reads beyond the end, each agrees with the tests' own
// reading of the wire, and written frames read back unchanged.
#include "fuzz_target.hpp"

#include "protocol/ata.hpp"
#include "support/wire.hpp"

#include <span>

using namespace aoetest;
using namespace aoetarget::protocol;
using aoetarget::ConstBytes;

namespace {

template <typename T>
T written_and_read(const T& value) {
    std::array<std::byte, ata_header_bytes> frame{};
    value.write(frame);
    return *T::parse(frame);
}

void check_header(ConstBytes frame, const Reply& wire) {
    const auto header = Header::parse(frame);
    require(header.has_value() == (frame.size() >= 24), "a header is 24 bytes");
    if (!header)
        return;
    require(header->destination.bytes == wire.destination().octets, "the destination");
    require(header->source.bytes == wire.source().octets, "the source");
    require(header->ethertype == wire.ethernet_type(), "the Ethernet type");
    require(header->version == wire.version(), "the version");
    require(header->response == wire.is_response(), "the R flag");
    require(static_cast<std::uint8_t>(header->error) == (wire.is_error() ? wire.error() : 0), "the error");
    require(header->shelf == wire.shelf() && header->slot == wire.slot(), "the address");
    require(header->command == wire.command(), "the command");
    require(header->tag == wire.tag() && get_tag(frame) == wire.tag(), "the tag");
    const Header again = written_and_read(*header);
    require(again.source == header->source && again.shelf == header->shelf && again.slot == header->slot &&
                again.version == header->version && again.response == header->response &&
                again.error == header->error && again.tag == header->tag,
            "a header reads back as it was written");
    require(header->is_wildcard() == (wire.shelf() == every_shelf || wire.slot() == every_slot),
            "the wildcards");
    require(header->addresses({wire.shelf(), wire.slot()}), "a header addresses its own address");
}

void check_config(ConstBytes frame, const Reply& wire) {
    const auto query = QueryConfig::parse(frame);
    require(query.has_value() == (frame.size() >= 32), "a Query Config is 32 bytes");
    if (!query)
        return;
    require(query->buffer_count == wire.buffer_count() && query->firmware_version == wire.firmware() &&
                query->sectors_per_frame == wire.sectors_per_frame() && query->command == wire.ccmd() &&
                query->string_length == wire.config_length(),
            "the fields of a Query Config");
    const QueryConfig again = written_and_read(*query);
    require(again.buffer_count == query->buffer_count && again.firmware_version == query->firmware_version &&
                again.sectors_per_frame == query->sectors_per_frame && again.command == query->command &&
                again.string_length == query->string_length,
            "a Query Config reads back as it was written");
}

void check_mask(ConstBytes frame, const Reply& wire) {
    const auto list = MaskList::parse(frame);
    require(list.has_value() == (frame.size() >= 28), "a mask list is 28 bytes");
    if (!list)
        return;
    require(list->command == wire.mcmd() && static_cast<std::uint8_t>(list->error) == wire.mask_error() &&
                list->directive_count == wire.mask_count(),
            "the fields of a mask list");
    const MaskList again = written_and_read(*list);
    require(again.command == list->command && again.error == list->error &&
                again.directive_count == list->directive_count,
            "a mask list reads back as it was written");
    require(list->is_complete(frame) == (28U + 8U * wire.mask_count() <= frame.size()),
            "when the directives are complete");
    if (!list->is_complete(frame))
        return;
    const auto macs = wire.mask_list();
    for (std::size_t i = 0; i < list->directive_count; ++i) {
        const MaskDirective directive = MaskDirective::parse(frame, i);
        require(directive.command == wire.byte_at(29 + 8 * i) && directive.mac.bytes == macs[i].octets,
                "a mask directive");
        std::array<std::byte, mask_list_bytes + mask_directive_bytes> written{};
        directive.write(written, 0);
        const MaskDirective same = MaskDirective::parse(written, 0);
        require(same.command == directive.command && same.mac == directive.mac,
                "a mask directive reads back as it was written");
    }
}

void check_reserve(ConstBytes frame, const Reply& wire) {
    const auto reserve = Reserve::parse(frame);
    require(reserve.has_value() == (frame.size() >= 26), "a Reserve is 26 bytes");
    if (!reserve)
        return;
    require(reserve->command == wire.rcmd() && reserve->mac_count == wire.holder_count(),
            "the fields of a Reserve");
    const Reserve again = written_and_read(*reserve);
    require(again.command == reserve->command && again.mac_count == reserve->mac_count,
            "a Reserve reads back as it was written");
    require(reserve->is_complete(frame) == (26U + 6U * wire.holder_count() <= frame.size()),
            "when the holders are complete");
    if (!reserve->is_complete(frame))
        return;
    const auto holders = wire.holders();
    for (std::size_t i = 0; i < reserve->mac_count; ++i)
        require(get_mac(frame, reserve_bytes + i * mac_bytes).bytes == holders[i].octets, "a holder");
}

void check_ranges(ConstBytes data) {
    for (std::size_t i = 0; i < data.size() / dsm_entry_bytes; ++i) {
        const aoetarget::SectorRange range = dsm_entry(data, i);
        require(range.first < 1ULL << 48 && range.count <= 0xFFFF, "a range of 48 and 16 bits");
        std::uint64_t entry = 0;
        for (std::size_t byte = dsm_entry_bytes; byte-- > 0;)
            entry = entry << 8 | get_u8(data, i * dsm_entry_bytes + byte);
        require(range.first == (entry & 0xFFFFFFFFFFFF) && range.count == entry >> 48, "a range");
    }
}

void check_ata(ConstBytes frame, const Reply& wire) {
    const auto registers = AtaRegisters::parse(frame);
    require(registers.has_value() == (frame.size() >= 36), "an ATA request is 36 bytes");
    if (!registers)
        return;
    require(registers->flags == wire.aflags() && registers->feature_or_error == wire.ata_error() &&
                registers->count == wire.count() && registers->command_or_status == wire.status(),
            "the registers");
    require(std::ranges::equal(registers->lba, wire.lba_registers()), "the LBA registers");
    const AtaRegisters again = written_and_read(*registers);
    require(again.flags == registers->flags && again.feature_or_error == registers->feature_or_error &&
                again.count == registers->count && again.command_or_status == registers->command_or_status &&
                again.lba == registers->lba,
            "registers read back as they were written");
    AtaRegisters set;
    set.set_lba48(registers->lba48());
    require(set.lba == registers->lba, "an LBA that is set is the LBA that is read");
    require(registers->lba28() == (registers->lba48() & 0x0FFFFFFF), "28 bits of 48");
    const AtaCommand& command = ata_command(registers->command_or_status);
    const bool reads = command.action == AtaAction::read;
    const bool writes = command.action == AtaAction::write;
    require(reads == ata::reads_data(wire.status()) && writes == ata::writes_data(wire.status()),
            "which commands carry data");
    require(!writes || (command.needs_reservation && !command.allowed_on_wildcard),
            "who may change data, and where");
    require(!(reads || writes) || command.lba48 != ata::is_28_bit(wire.status()), "how wide the LBA is");
    check_ranges(frame.subspan(ata_header_bytes));
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto frame = std::as_bytes(std::span(data, size));
    const Reply wire{{data, data + size}};
    check_header(frame, wire);
    check_config(frame, wire);
    check_mask(frame, wire);
    check_reserve(frame, wire);
    check_ata(frame, wire);
    return 0;
}
