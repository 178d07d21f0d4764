// Puts the reasons for which the kernel refuses a ring into words.
#include "ring/refusal.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>

#include <sys/resource.h>

namespace aoetarget::ring {
namespace {

/// A filter may also say that there is no such call (ENOSYS), as Podman's does.
bool has_filter() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("Seccomp:"))
            return line.ends_with('2');
    }
    return false;
}

std::string permission_advice() {
    std::string disabled;
    std::getline(std::ifstream("/proc/sys/kernel/io_uring_disabled"), disabled);
    if (disabled == "1" || disabled == "2")
        return fmt::format(
            "this machine has switched it off; 'sysctl kernel.io_uring_disabled=0' switches it on (now {})",
            disabled);
    return "a seccomp filter refuses it, as those of containers do; allow io_uring_setup, io_uring_enter and "
           "io_uring_register";
}

/// Tells why there is no memory for a ring, not even for the smallest.
std::string memory_advice() {
    constexpr rlim_t enough = 1 << 20;
    rlimit locked{};
    if (getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur < enough)
        return fmt::format("only {} KiB of memory may be locked; raise 'ulimit -l'", locked.rlim_cur >> 10);
    return "memory is short or fragmented, or the container's limit is reached; free some, or try 'sysctl "
           "vm.compact_memory=1'";
}

std::string advice(int error) {
    switch (error) {
    case EPERM:
        return ": " + permission_advice();
    case ENOSYS:
        return ": this kernel has none; Linux 6.1 or later with CONFIG_IO_URING is needed";
    case ENOMEM:
        return ": " + memory_advice();
    case EINVAL:
        return ": this kernel is too old; Linux 6.1 or later is needed";
    default:
        return "";
    }
}

} // namespace

void refuse_set_up(int error) {
    if (error == ENOSYS && has_filter())
        error = EPERM;
    throw std::system_error(error, std::generic_category(), "cannot set up io_uring" + advice(error));
}

} // namespace aoetarget::ring
