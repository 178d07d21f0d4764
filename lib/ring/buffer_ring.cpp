// Allocates and registers a buffer ring.
#include "ring/buffer_ring.hpp"

#include <cerrno>
#include <system_error>

#include <sys/mman.h>

namespace aoetarget::ring {

BufferRing::BufferRing(Ring& ring, std::uint16_t group, std::uint16_t entries)
    : ring_(ring), group_(group), mask_(io_uring_buf_ring_mask(entries)),
      bytes_(entries * sizeof(io_uring_buf)) {
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    if (memory == MAP_FAILED)
        throw std::system_error(errno, std::generic_category(), "cannot allocate a ring of receive buffers");
    entries_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_ring_init(entries_);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    registration.ring_entries = entries;
    registration.bgid = group;
    const int result = io_uring_register_buf_ring(ring_.raw(), &registration, 0);
    if (result < 0) {
        munmap(memory, bytes_);
        throw std::system_error(
            -result, std::generic_category(),
            "cannot register receive buffers with the ring; Linux 6.1 or later is needed");
    }
}

BufferRing::~BufferRing() {
    io_uring_unregister_buf_ring(ring_.raw(), group_);
    munmap(entries_, bytes_);
}

/// This changes the entries in place, because the kernel reads an entry when it takes the buffer. The next
/// add() rewrites entries that it has taken.
void BufferRing::extend_front(std::ptrdiff_t bytes) {
    for (int i = 0; i <= mask_; ++i) {
        io_uring_buf& entry = entries_->bufs[i];
        entry.addr -= static_cast<std::uint64_t>(bytes);
        entry.len += static_cast<std::uint32_t>(bytes);
    }
}

} // namespace aoetarget::ring
