// A packet socket that gets AoE requests for our exports from one interface, and nothing else
// (lib/net/README.md, "Packet sockets").
#pragma once

#include "net/interface.hpp"
#include "protocol/bytes.hpp"
#include "ring/file_descriptor.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <linux/filter.h>

namespace aoetarget::net {

/// Opens a socket that receives nothing before it is bound. Throws std::system_error with the interface, the
/// cause and the cure.
ring::FileDescriptor open_packet_socket(const std::string& interface);
/// The socket receives frames of `ethertype`, or nothing if that is 0. Throws std::system_error.
void bind_packet_socket(int fd, const std::string& interface, int index, std::uint16_t ethertype);

// The size of the receive buffer that a link asks for (README.md, "The receive buffer"). It is a limit, and
// takes no memory.
inline constexpr unsigned wanted_buffer_bytes = 8 << 20;

/// Gives a socket a receive buffer as large as it may have. Returns its size, in bytes as the kernel accounts
/// for them, which is twice as much as was asked for if that was granted.
unsigned size_receive_buffer(int fd);

/// The sockets of a link. Without those that send, the one that receives does it, and without that for large
/// frames the other.
struct PacketSockets {
    ring::FileDescriptor receiver, sender, large_sender;
};
/// Opens all, with buffers as large as they may be. Throws std::system_error as open_packet_socket() does.
std::shared_ptr<const PacketSockets> open_packet_sockets(const std::string& interface);
/// Takes over 1 to 3 sockets of another process, which may be hostile, in the order of PacketSockets. Throws
/// std::system_error (EBADMSG) if one is not a packet socket of this network namespace for whole frames, if
/// it has rings or a part in a fanout group, if its filter cannot be changed, or if two are the same, or this
/// process has one of them for another interface. Their buffers are as that process has left them, unless
/// this one may make them larger.
std::shared_ptr<const PacketSockets> adopt_packet_sockets(std::vector<ring::FileDescriptor> sockets);
/// Estimates how many frames of the longest kind a receive buffer holds.
unsigned frames_in(unsigned buffer_bytes, unsigned mtu);

class PacketSocket {
  public:
    PacketSocket() = default;
    /// The socket that receives is emptied and filtered, then bound, so that no frame of another interface
    /// ever gets in. See set_addresses() for `addresses`, and stamp() for `stamped`. Throws std::system_error
    /// with the interface, the cause and the cure.
    PacketSocket(const std::string& name, const InterfaceState& interface, std::span<const Address> addresses,
                 bool stamped, std::shared_ptr<const PacketSockets> sockets);

    [[nodiscard]] int fd() const { return sockets_ != nullptr ? sockets_->receiver.get() : -1; }
    /// Returns a socket that sends and receives nothing. It is not fd() where there is another, because the
    /// kernel would look through the waiters there each time a sent frame is freed, which costs 3 % of a
    /// request (measured).
    [[nodiscard]] int sender_fd() const { return sockets_->sender.valid() ? sockets_->sender.get() : fd(); }
    /// Returns the same for frames that do not fit into a page, each with the header of with_hint() before
    /// it.
    [[nodiscard]] int large_sender_fd() const {
        return sockets_->large_sender.valid() ? sockets_->large_sender.get() : sender_fd();
    }
    [[nodiscard]] bool needs_hint(ConstBytes frame) const;
    /// Puts a header before the frame that tells the kernel to keep only the frame's headers in one piece,
    /// and the rest in pages. Otherwise it takes 16 KiB in one piece for 8 KiB of data, which makes an answer
    /// a sixth dearer (measured), and is hard to find once memory has been in use for long. There must be
    /// room before the frame.
    static ConstBytes with_hint(Bytes frame);
    [[nodiscard]] bool is_open() const { return sockets_ != nullptr; }
    /// Returns false once the interface is gone, even if another has the same index.
    [[nodiscard]] bool is_bound_to(int interface_index) const;
    /// Returns the size of the receive buffer, in bytes as the kernel accounts for them.
    [[nodiscard]] unsigned receive_buffer_bytes() const { return receive_buffer_bytes_; }
    /// Sets whether frames go to the device at once, past the queueing discipline and the filters of frames
    /// that are sent (PACKET_QDISC_BYPASS).
    void bypass_qdisc(bool wanted) const;
    /// Sets the addresses of the exports. Frames for others stay in the kernel.
    void set_addresses(std::span<const Address> addresses) const;
    /// Returns whether at least one frame waits in the receive buffer.
    [[nodiscard]] bool has_frames() const;
    /// Sets whether the kernel stamps each frame with its arrival. Frames that are in the socket already, or
    /// come in the first moments, get the time at which they are received.
    void stamp(bool wanted) const;
    /// Returns how many frames found the receive buffer full since the last call.
    [[nodiscard]] unsigned take_drops() const;

  private:
    /// Returns false, with the cause in errno, on failure.
    [[nodiscard]] bool attach(const std::vector<sock_filter>& program) const;

    bool hears_answers_ =
        false; ///< Those of other targets. On the loopback interface, our own would come back.
    std::shared_ptr<const PacketSockets> sockets_; ///< Null while it is not open.
    unsigned receive_buffer_bytes_ = 0;
};

} // namespace aoetarget::net
