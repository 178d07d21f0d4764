// Packets of text and file descriptors over a Unix socket (SOCK_SEQPACKET).
#pragma once

#include "control/descriptor.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

struct Packet {
    std::string text;
    std::vector<Descriptor> descriptors;
};

/// As many as the kernel passes with one packet (SCM_MAX_FD).
inline constexpr std::size_t max_packet_descriptors = 253;

/// Sends a packet, and waits until there is room for it unless the socket is non-blocking. The descriptors
/// stay the caller's. Returns false, with the cause in errno, if the kernel does not take it.
bool send_packet(int socket, std::string_view text, std::span<const int> descriptors = {});

enum class Received {
    packet,
    nothing, ///< There is none now.
    end,     ///< The other side has closed the socket, or it has failed.
    too_long,
    too_many, ///< Descriptors were cut off, so that there are none.
};

/// Receives a packet of at most `packet.text.size()` bytes into `packet`, whose text then has its length.
/// `flags` are those of recvmsg(2).
Received receive_packet(int socket, Packet& packet, int flags = 0);

} // namespace cli
