// The parts of Ethernet that an AoE target needs.
#pragma once

#include <aoetarget/address.hpp>

#include "protocol/bytes.hpp"

#include <algorithm>
#include <cstring>

namespace aoetarget::protocol {

inline constexpr std::uint16_t ethertype_aoe = 0x88A2;
/// The type that the IEEE reserves for local experiments: nobody interprets such a frame.
inline constexpr std::uint16_t ethertype_nothing = 0x88B5;
// Offsets of the fields in a frame.
inline constexpr std::size_t destination_at = 0, source_at = 6, ethertype_at = 12;
inline constexpr std::size_t ethernet_header_bytes = 14;
/// Shorter frames are padded with zeros to this (lib/protocol/README.md, "Building an answer"); the frame
/// check sequence does not count.
inline constexpr std::size_t min_frame_bytes = 60;
/// The length of an 802.1Q tag, for which receive buffers leave room.
inline constexpr std::size_t vlan_tag_bytes = 4;

inline MacAddress get_mac(ConstBytes bytes, std::size_t at) {
    MacAddress mac;
    std::memcpy(mac.bytes.data(), bytes.subspan(at, mac.bytes.size()).data(), mac.bytes.size());
    return mac;
}

inline void put_mac(Bytes bytes, std::size_t at, const MacAddress& mac) {
    std::memcpy(bytes.subspan(at, mac.bytes.size()).data(), mac.bytes.data(), mac.bytes.size());
}

} // namespace aoetarget::protocol
