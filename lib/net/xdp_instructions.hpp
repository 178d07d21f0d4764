// The text of the XDP program, and what it shares with this process.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <linux/bpf.h>

namespace aoetarget::net {

/// Descriptors of the maps that the program uses.
struct XdpMaps {
    int sockets;      ///< An XSKMAP, indexed by receive queue.
    int destinations; ///< A set of XdpKey.
    int values;       ///< An array of one XdpUsage.
    int alarms;       ///< A ring buffer: a record for each alarm.
};

/// A destination in the form that the program builds on its stack: bytes of the frame, then the slot as a
/// number of 32 bits.
struct XdpKey {
    std::array<std::uint8_t, 6> mac;
    std::uint16_t shelf; ///< In the byte order of the wire.
    std::uint32_t slot;
};
static_assert(sizeof(XdpKey) == 12);

/// What the program and this process tell each other.
struct XdpUsage {
    std::uint64_t redirected; ///< Frames that went to the socket.
    std::uint64_t alarm_is_set;
};

/// The length of the time that a program may write before a frame.
inline constexpr std::size_t xdp_stamp_bytes = sizeof(std::uint64_t);

/// Returns the program that hands over the frames for the destinations. `stamped`: it also writes the time
/// before each of them, if the driver has room for it there.
std::vector<bpf_insn> xdp_instructions(const XdpMaps& maps, bool stamped);

} // namespace aoetarget::net
