// The linker puts these functions in the place of those of liburing (--wrap).
#include "ring_faults.hpp"

#include <liburing.h>

#include <cerrno>

using aoetest::ring_faults;

namespace {

void miss_cancels(io_uring* ring) {
    const io_uring_sq& queue = ring->sq;
    for (unsigned i = queue.sqe_head; i != queue.sqe_tail; ++i) {
        io_uring_sqe& entry = queue.sqes[i & queue.ring_mask];
        if (entry.opcode != IORING_OP_ASYNC_CANCEL || ring_faults.missed_cancels <= 0)
            continue;
        --ring_faults.missed_cancels;
        entry.opcode = IORING_OP_NOP;
    }
}

bool refuses(const io_uring* ring) {
    return ring_faults.refuses_when_full && io_uring_cq_ready(ring) >= ring->cq.ring_entries;
}

} // namespace

extern "C" {

int __real_io_uring_submit(io_uring* ring);
int __real_io_uring_submit_and_wait(io_uring* ring, unsigned count);
int __real_io_uring_submit_and_get_events(io_uring* ring);

int __wrap_io_uring_submit(io_uring* ring);
int __wrap_io_uring_submit_and_wait(io_uring* ring, unsigned count);
int __wrap_io_uring_submit_and_get_events(io_uring* ring);

int __wrap_io_uring_submit(io_uring* ring) {
    miss_cancels(ring);
    return refuses(ring) ? -EBUSY : __real_io_uring_submit(ring);
}
int __wrap_io_uring_submit_and_wait(io_uring* ring, unsigned count) {
    miss_cancels(ring);
    return refuses(ring) ? -EBUSY : __real_io_uring_submit_and_wait(ring, count);
}
int __wrap_io_uring_submit_and_get_events(io_uring* ring) {
    miss_cancels(ring);
    return refuses(ring) ? -EBUSY : __real_io_uring_submit_and_get_events(ring);
}

} // extern "C"
