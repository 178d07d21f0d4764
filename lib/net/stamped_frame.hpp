// What a multishot recvmsg leaves in a buffer where the socket has SO_TIMESTAMPNS: a header of io_uring's,
// the control message with the stamp, and then the frame. The buffer begins as much before the frame's place
// in its slot as these take, so that the frame lies where it always does.
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

    /// What to receive, for recvmsg: no address, one control message.
    static msghdr message() {
        msghdr message{};
        message.msg_controllen = control_bytes;
        return message;
    }

    /// `header`: of header_bytes.
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

    /// On the wire: it may be longer than the buffer.
    [[nodiscard]] std::size_t length() const { return header_.payloadlen; }
    /// When the kernel got it, by CLOCK_REALTIME; empty where that is not told.
    [[nodiscard]] std::optional<core::Time> stamp() const { return stamp_; }

  private:
    io_uring_recvmsg_out header_{};
    std::optional<core::Time> stamp_;
};

} // namespace aoetarget::net
