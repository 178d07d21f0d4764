// Measures the consumption of a process and its core, from /proc and the CPU clock.
#pragma once

#include <cstdint>

#include <sys/types.h>

namespace bench {

// CPU time of the whole process, user and system, all of its threads: io_uring's workers are among them.
// Softirq work that interrupts the process counts as its own, unless the kernel accounts interrupts apart.
std::uint64_t process_cpu_ns(pid_t pid);

// Highest resident set so far; 0 when unknown.
std::uint64_t process_peak_rss_kib(pid_t pid);

struct CoreTime {
    std::uint64_t busy_ns; // all that is neither idle nor waiting
    std::uint64_t
        softirq_ns; // the part of it spent in interrupts and softirqs, as sampled by the kernel's tick
};

CoreTime core_time(unsigned core);

} // namespace bench
