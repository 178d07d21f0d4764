// The layouts of the AoE header and of commands 1 to 3.
#include "protocol/aoe.hpp"

namespace aoetarget::protocol {
namespace {

constexpr std::size_t arguments_at = aoe_header_bytes;

} // namespace

std::optional<Header> Header::parse(ConstBytes frame) {
    if (frame.size() < aoe_header_bytes)
        return std::nullopt;
    const std::uint8_t version_and_flags = get_u8(frame, version_at);
    Header header;
    header.destination = get_mac(frame, destination_at);
    header.source = get_mac(frame, source_at);
    header.ethertype = get_be16(frame, ethertype_at);
    header.version = version_and_flags >> 4;
    header.response = (version_and_flags & flag_response) != 0;
    if ((version_and_flags & flag_error) != 0)
        header.error = static_cast<AoeError>(get_u8(frame, error_at));
    header.shelf = get_be16(frame, shelf_at);
    header.slot = get_u8(frame, slot_at);
    header.command = get_u8(frame, command_at);
    header.tag = get_be32(frame, tag_at);
    return header;
}

void Header::write(Bytes frame) const {
    const int flags = (response ? flag_response : 0) | (error != AoeError::none ? flag_error : 0);
    put_mac(frame, destination_at, destination);
    put_mac(frame, source_at, source);
    put_be16(frame, ethertype_at, ethertype);
    put_u8(frame, version_at, static_cast<std::uint8_t>(version << 4 | flags));
    put_u8(frame, error_at, static_cast<std::uint8_t>(error));
    put_be16(frame, shelf_at, shelf);
    put_u8(frame, slot_at, slot);
    put_u8(frame, command_at, command);
    put_be32(frame, tag_at, tag);
}

std::optional<QueryConfig> QueryConfig::parse(ConstBytes frame) {
    if (frame.size() < query_config_bytes)
        return std::nullopt;
    QueryConfig query;
    query.buffer_count = get_be16(frame, arguments_at);
    query.firmware_version = get_be16(frame, arguments_at + 2);
    query.sectors_per_frame = get_u8(frame, arguments_at + 4);
    query.command = get_u8(frame, arguments_at + 5) & 0x0F;
    query.string_length = get_be16(frame, arguments_at + 6);
    return query;
}

void QueryConfig::write(Bytes frame) const {
    put_be16(frame, arguments_at, buffer_count);
    put_be16(frame, arguments_at + 2, firmware_version);
    put_u8(frame, arguments_at + 4, sectors_per_frame);
    put_u8(frame, arguments_at + 5, static_cast<std::uint8_t>(aoe_version << 4 | command));
    put_be16(frame, arguments_at + 6, string_length);
}

std::optional<MaskList> MaskList::parse(ConstBytes frame) {
    if (frame.size() < mask_list_bytes)
        return std::nullopt;
    MaskList list;
    list.command = get_u8(frame, arguments_at + 1);
    list.error = static_cast<MaskError>(get_u8(frame, arguments_at + 2));
    list.directive_count = get_u8(frame, arguments_at + 3);
    return list;
}

void MaskList::write(Bytes frame) const {
    put_u8(frame, arguments_at, 0);
    put_u8(frame, arguments_at + 1, command);
    put_u8(frame, arguments_at + 2, static_cast<std::uint8_t>(error));
    put_u8(frame, arguments_at + 3, directive_count);
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
    return Reserve{get_u8(frame, arguments_at), get_u8(frame, arguments_at + 1)};
}

void Reserve::write(Bytes frame) const {
    put_u8(frame, arguments_at, command);
    put_u8(frame, arguments_at + 1, mac_count);
}

} // namespace aoetarget::protocol
