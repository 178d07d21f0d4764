// One operation that may never end, before there is a loop: it is waited for, but not for ever.
#pragma once

#include <liburing.h>

#include <chrono>
#include <functional>

namespace aoetarget::ring {

/// Carries out what `prepare` fills in, through a ring of its own and in a worker thread of the kernel.
/// Returns its result, -ETIME if it has not ended after `patience` (it may still be carried out), or -errno
/// where there can be no ring. Waits. On any thread.
int attempt(const std::function<void(io_uring_sqe*)>& prepare, std::chrono::seconds patience);

/// How many attempts of this process have not ended in time: each may keep a worker thread.
unsigned abandoned_attempts();

} // namespace aoetarget::ring
