// Buffers from which the kernel picks when something arrives (IORING_REGISTER_PBUF_RING).
#pragma once

#include "ring/ring.hpp"

#include <cstdint>
#include <span>

namespace aoetarget::ring {

class BufferRing {
  public:
    /// `entries` must be a power of two, and the kernel never has more buffers at once. Throws
    /// std::system_error.
    BufferRing(Ring& ring, std::uint16_t group, std::uint16_t entries);
    ~BufferRing();
    BufferRing(const BufferRing&) = delete;
    BufferRing& operator=(const BufferRing&) = delete;

    /// Lends a buffer to the kernel, which sees it with the next publish().
    void add(std::span<std::byte> buffer, std::uint16_t id) {
        io_uring_buf_ring_add(entries_, buffer.data(), static_cast<unsigned>(buffer.size()), id, mask_,
                              added_++);
    }
    void publish() {
        io_uring_buf_ring_advance(entries_, added_);
        added_ = 0;
    }
    /// Makes all buffers begin this many bytes earlier, or later, than they did. No receive may be under way.
    void extend_front(std::ptrdiff_t bytes);

  private:
    Ring& ring_;
    std::uint16_t group_;
    int mask_;
    int added_ = 0;
    std::size_t bytes_;
    io_uring_buf_ring* entries_;
};

} // namespace aoetarget::ring
