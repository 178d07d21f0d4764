// Carries out one operation that may never end, before there is a loop, and waits for it for a limited time.
#pragma once

#include <liburing.h>

#include <chrono>
#include <functional>

namespace aoetarget::ring {

/// Carries out the operation that `prepare` fills in, through a ring of its own and in a worker thread of the
/// kernel. Returns its result, -ETIME if it has not ended after `patience` (it may still be carried out), or
/// -errno if there can be no ring. It waits, and any thread may call it.
int attempt(const std::function<void(io_uring_sqe*)>& prepare, std::chrono::seconds patience);

/// Returns how many attempts of this process have not ended in time. Each may keep a worker thread.
unsigned abandoned_attempts();

} // namespace aoetarget::ring
