// A packet socket that gets AoE requests for our exports from one interface, and nothing else
// (lib/net/README.md, "Packet sockets").
#pragma once

#include "net/interface.hpp"
#include "protocol/bytes.hpp"
#include "ring/file_descriptor.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <linux/filter.h>

namespace aoetarget::net {

/// Nothing is received before it is bound. Throws std::system_error with the interface, the cause and the
/// cure.
ring::FileDescriptor open_packet_socket(const std::string& interface);
/// `ethertype`: what to receive; 0: nothing. Throws std::system_error.
void bind_packet_socket(int fd, const std::string& interface, int index, std::uint16_t ethertype);

class PacketSocket {
  public:
    PacketSocket() = default;
    /// Created without a protocol, filtered, then bound, so that no frame of another interface ever gets in.
    /// `addresses`: see set_addresses(), `stamped`: see stamp(). Throws std::system_error with the interface,
    /// the cause and the cure.
    PacketSocket(const std::string& name, const InterfaceState& interface, std::span<const Address> addresses,
                 bool stamped);

    [[nodiscard]] int fd() const { return fd_.get(); }
    /// Sends, and receives nothing. Apart from fd(), because the kernel would look through those who wait for
    /// frames there each time a sent one is freed, which costs 3 % of a request (measured).
    [[nodiscard]] int sender_fd() const { return sender_fd_.get(); }
    /// The same for frames that do not fit into a page, each with what with_hint() puts before it.
    [[nodiscard]] int large_sender_fd() const { return large_sender_fd_.get(); }
    [[nodiscard]] static bool is_large(ConstBytes frame);
    /// Tells the kernel to keep no more than the headers of this frame in one piece and the rest in pages;
    /// else it takes 16 KiB in one piece for 8 KiB of data, which makes an answer a sixth dearer (measured),
    /// and is hard to find once memory has been in use for long. There must be room before the frame.
    static ConstBytes with_hint(Bytes frame);
    [[nodiscard]] bool is_open() const { return fd_.get() >= 0; }
    /// False once the interface is gone, even if there is another with the same index.
    [[nodiscard]] bool is_bound_to(int interface_index) const;
    /// What the receive buffer holds, in bytes as the kernel accounts for them.
    [[nodiscard]] unsigned receive_buffer_bytes() const { return receive_buffer_bytes_; }
    /// Of the exports. Frames for others stay in the kernel.
    void set_addresses(std::span<const Address> addresses) const;
    /// At least one frame waits in the receive buffer.
    [[nodiscard]] bool has_frames() const;
    /// Whether the kernel is to note for each frame when it came. What is in the socket already looks as if
    /// it came when it is received, and so does what comes in the first moments.
    void stamp(bool wanted) const;
    /// Frames that found the receive buffer full since the last call.
    [[nodiscard]] unsigned take_drops() const;

  private:
    void size_receive_buffer();
    /// False: errno says why not.
    [[nodiscard]] bool attach(const std::vector<sock_filter>& program) const;

    ring::FileDescriptor fd_;
    ring::FileDescriptor sender_fd_, large_sender_fd_;
    unsigned receive_buffer_bytes_ = 0;
};

} // namespace aoetarget::net
