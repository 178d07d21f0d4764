// Wire formats: Ethernet, AoE, ATA, IDENTIFY. This layer knows bytes: it turns them into host structs and
// back, checked, and knows nothing of sockets, files, time or allocation. Wire bytes are decoded once, here,
// and encoded once, here.
//
// This file has integers and views of bytes. AoE fields are big-endian; ATA's LBA registers and IDENTIFY
// words are little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace aoetarget {

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

namespace protocol {

inline std::uint8_t get_u8(ConstBytes bytes, std::size_t at) {
    return std::to_integer<std::uint8_t>(bytes[at]);
}

inline std::uint16_t get_be16(ConstBytes bytes, std::size_t at) {
    return static_cast<std::uint16_t>(get_u8(bytes, at) << 8 | get_u8(bytes, at + 1));
}

inline std::uint32_t get_be32(ConstBytes bytes, std::size_t at) {
    return std::uint32_t{get_be16(bytes, at)} << 16 | get_be16(bytes, at + 2);
}

inline std::uint16_t get_le16(ConstBytes bytes, std::size_t at) {
    return static_cast<std::uint16_t>(get_u8(bytes, at) | get_u8(bytes, at + 1) << 8);
}

inline void put_u8(Bytes bytes, std::size_t at, std::uint8_t value) {
    bytes[at] = std::byte{value};
}

inline void put_be16(Bytes bytes, std::size_t at, std::uint16_t value) {
    put_u8(bytes, at, static_cast<std::uint8_t>(value >> 8));
    put_u8(bytes, at + 1, static_cast<std::uint8_t>(value));
}

inline void put_be32(Bytes bytes, std::size_t at, std::uint32_t value) {
    put_be16(bytes, at, static_cast<std::uint16_t>(value >> 16));
    put_be16(bytes, at + 2, static_cast<std::uint16_t>(value));
}

inline void put_le16(Bytes bytes, std::size_t at, std::uint16_t value) {
    put_u8(bytes, at, static_cast<std::uint8_t>(value));
    put_u8(bytes, at + 1, static_cast<std::uint8_t>(value >> 8));
}

} // namespace protocol
} // namespace aoetarget
