// What a kernel may do to a ring, and the kernel at hand does not, or seldom. A program that links
// ring_faults_dep has it between the library and liburing.
#pragma once

#include <atomic>

namespace aoetest {

struct RingFaults {
    /// As long as it is set, nothing is taken while the completion queue is full: EBUSY.
    std::atomic<bool> refuses_when_full = false;
    /// So many cancellations to come do not find their operation.
    std::atomic<int> missed_cancels = 0;
};
inline RingFaults ring_faults;

} // namespace aoetest
