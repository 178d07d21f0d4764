#include "protocol/aoe.hpp"

namespace aoetarget::protocol {
namespace {

// Offsets of protocol.md 1. Bits of the byte that holds version and flags.
constexpr std::size_t at_destination = 0, at_source = 6, at_ethertype = 12, at_version = 14, at_error = 15,
                      at_shelf = 16, at_slot = 18, at_command = 19, at_tag = 20, at_arguments = 24;
constexpr std::uint8_t flag_response = 0x08, flag_error = 0x04;

} // namespace

std::optional<Header> Header::parse(ConstBytes frame) {
    if (frame.size() < aoe_header_bytes)
        return std::nullopt;
    const std::uint8_t version_and_flags = get_u8(frame, at_version);
    Header header;
    header.destination = get_mac(frame, at_destination);
    header.source = get_mac(frame, at_source);
    header.ethertype = get_be16(frame, at_ethertype);
    header.version = version_and_flags >> 4;
    header.response = (version_and_flags & flag_response) != 0;
    if ((version_and_flags & flag_error) != 0)
        header.error = static_cast<AoeError>(get_u8(frame, at_error));
    header.shelf = get_be16(frame, at_shelf);
    header.slot = get_u8(frame, at_slot);
    header.command = get_u8(frame, at_command);
    header.tag = get_be32(frame, at_tag);
    return header;
}

void Header::write(Bytes frame) const {
    const int flags = (response ? flag_response : 0) | (error != AoeError::none ? flag_error : 0);
    put_mac(frame, at_destination, destination);
    put_mac(frame, at_source, source);
    put_be16(frame, at_ethertype, ethertype);
    put_u8(frame, at_version, static_cast<std::uint8_t>(version << 4 | flags));
    put_u8(frame, at_error, static_cast<std::uint8_t>(error));
    put_be16(frame, at_shelf, shelf);
    put_u8(frame, at_slot, slot);
    put_u8(frame, at_command, command);
    put_be32(frame, at_tag, tag);
}

std::optional<QueryConfig> QueryConfig::parse(ConstBytes frame) {
    if (frame.size() < query_config_bytes)
        return std::nullopt;
    QueryConfig query;
    query.buffer_count = get_be16(frame, at_arguments);
    query.firmware_version = get_be16(frame, at_arguments + 2);
    query.sectors_per_frame = get_u8(frame, at_arguments + 4);
    query.command = get_u8(frame, at_arguments + 5) & 0x0F;
    query.string_length = get_be16(frame, at_arguments + 6);
    return query;
}

void QueryConfig::write(Bytes frame) const {
    put_be16(frame, at_arguments, buffer_count);
    put_be16(frame, at_arguments + 2, firmware_version);
    put_u8(frame, at_arguments + 4, sectors_per_frame);
    put_u8(frame, at_arguments + 5, static_cast<std::uint8_t>(aoe_version << 4 | command));
    put_be16(frame, at_arguments + 6, string_length);
}

std::optional<MaskList> MaskList::parse(ConstBytes frame) {
    if (frame.size() < mask_list_bytes)
        return std::nullopt;
    MaskList list;
    list.command = get_u8(frame, at_arguments + 1);
    list.error = static_cast<MaskError>(get_u8(frame, at_arguments + 2));
    list.directive_count = get_u8(frame, at_arguments + 3);
    return list;
}

void MaskList::write(Bytes frame) const {
    put_u8(frame, at_arguments, 0);
    put_u8(frame, at_arguments + 1, command);
    put_u8(frame, at_arguments + 2, static_cast<std::uint8_t>(error));
    put_u8(frame, at_arguments + 3, directive_count);
}

MaskDirective MaskDirective::parse(ConstBytes frame, std::size_t index) {
    const std::size_t at = mask_list_bytes + index * mask_directive_bytes;
    return {get_u8(frame, at + 1), get_mac(frame, at + 2)};
}

void MaskDirective::write(Bytes frame, std::size_t index) const {
    const std::size_t at = mask_list_bytes + index * mask_directive_bytes;
    put_u8(frame, at, 0);
    put_u8(frame, at + 1, command);
    put_mac(frame, at + 2, mac);
}

std::optional<Reserve> Reserve::parse(ConstBytes frame) {
    if (frame.size() < reserve_bytes)
        return std::nullopt;
    return Reserve{get_u8(frame, at_arguments), get_u8(frame, at_arguments + 1)};
}

void Reserve::write(Bytes frame) const {
    put_u8(frame, at_arguments, command);
    put_u8(frame, at_arguments + 1, mac_count);
}

} // namespace aoetarget::protocol
