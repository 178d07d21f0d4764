// The content that a multishot recvmsg leaves in a buffer if the socket has SO_TIMESTAMPNS: a header of
// io_uring, the control message with the stamp, and then the frame. The buffer begins before the frame's
// place in its slot by the length of the first two, so that the frame lies where it always does.
#pragma once

#include "core/frame_pool.hpp"

#include <cstring>
#include <ctime>

#include <liburing.h>
#include <sys/socket.h>

namespace aoetarget::net {

class StampedFrame {
  public:
    static constexpr std::size_t control_bytes = CMSG_SPACE(sizeof(timespec));
    static constexpr std::size_t header_bytes = sizeof(io_uring_recvmsg_out) + control_bytes;
    static_assert(header_bytes <= sector_bytes - protocol::ata_header_bytes, "see FramePool::Layout");

    /// Returns the message for recvmsg: no address, one control message.
    static msghdr message() {
        msghdr message{};
        message.msg_controllen = control_bytes;
        return message;
    }

    /// `header` must have header_bytes bytes.
    explicit StampedFrame(ConstBytes header) {
        std::memcpy(&header_, header.data(), sizeof header_);
        const ConstBytes control_message = header.subspan(sizeof header_);
        cmsghdr control{};
        std::memcpy(&control, control_message.data(), sizeof control);
        if (header_.controllen < CMSG_LEN(sizeof(timespec)) || control.cmsg_level != SOL_SOCKET ||
            control.cmsg_type != SCM_TIMESTAMPNS)
            return;
        timespec stamp{};
        std::memcpy(&stamp, control_message.subspan(CMSG_LEN(0)).data(), sizeof stamp);
        stamp_ = std::chrono::seconds(stamp.tv_sec) + std::chrono::nanoseconds(stamp.tv_nsec);
    }

    /// Returns the length on the wire, which may be longer than the buffer.
    [[nodiscard]] std::size_t length() const { return header_.payloadlen; }
    /// Returns when the kernel got the frame, by CLOCK_REALTIME, or nothing if it did not stamp it.
    [[nodiscard]] std::optional<core::Time> stamp() const { return stamp_; }

  private:
    io_uring_recvmsg_out header_{};
    std::optional<core::Time> stamp_;
};

} // namespace aoetarget::net
