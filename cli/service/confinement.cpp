// Capabilities, the filter of system calls, and whether the state directory can still be used after that.
#include "service/confinement.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_SECCOMP
#include <linux/bpf.h>
#include <memory>
#include <seccomp.h>
#endif

namespace cli {
namespace {

[[noreturn]] void fail(int error, const char* what) {
    throw std::system_error(error, std::generic_category(), what);
}

} // namespace

std::string drop_privileges() {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        fail(errno, "cannot rule out that this process gains privileges");
    __user_cap_header_struct header{};
    header.version = _LINUX_CAPABILITY_VERSION_3;
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
    if (syscall(SYS_capget, &header, data) < 0)
        fail(errno, "cannot read the capabilities of this process");
    constexpr unsigned net_raw = 1U << CAP_NET_RAW;
    const bool has_net_raw = (data[0].permitted & net_raw) != 0;

    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability)
        prctl(PR_CAPBSET_DROP, capability); // needs CAP_SETPCAP; without it exec gains nothing either
    for (auto& word : data)
        word = {};
    data[0].permitted = data[0].effective = has_net_raw ? net_raw : 0;
    if (syscall(SYS_capset, &header, data) < 0)
        fail(errno, "cannot give up the capabilities of this process");
    return has_net_raw ? "capabilities: cap_net_raw" : "capabilities: none";
}

#ifdef HAVE_SECCOMP
/// All other calls fail with EPERM. The filter does not see operations of the ring: see Ring::allow().
std::string filter_system_calls() {
    constexpr int allowed[] = {
        // the loop
        SCMP_SYS(io_uring_enter),
        SCMP_SYS(io_uring_register),
        SCMP_SYS(read),
        SCMP_SYS(write),
        SCMP_SYS(close),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(sched_yield),
        // an interface that changes or comes back
        SCMP_SYS(socket),
        SCMP_SYS(bind),
        SCMP_SYS(setsockopt),
        SCMP_SYS(getsockopt),
        SCMP_SYS(getsockname),
        SCMP_SYS(ioctl),
        // memory
        SCMP_SYS(mmap),
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(madvise),
        SCMP_SYS(brk),
        SCMP_SYS(futex),
        // the end
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(getpid),
        SCMP_SYS(gettid),
        SCMP_SYS(tgkill),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
    };
    const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                                  seccomp_release);
    if (filter == nullptr)
        fail(ENOMEM, "cannot make a filter of system calls");
    // An XDP lane that is there follows the MAC address, and ends. A new one cannot be made.
    constexpr bpf_cmd allowed_of_bpf[] = {BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM, BPF_LINK_DETACH};
    int error = 0;
    for (const int number : allowed)
        error |= seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, 0);
    for (const bpf_cmd command : allowed_of_bpf) {
        const scmp_arg_cmp is_command{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = command, .datum_b = 0};
        error |= seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1, &is_command);
    }
    if (error != 0)
        fail(EINVAL, "cannot make a filter of system calls");
    // A container may forbid it; such a container has filters of its own.
    return seccomp_load(filter.get()) == 0 ? "system calls: filtered"
                                           : "system calls: not filtered (refused)";
}
#else
std::string filter_system_calls() {
    return "system calls: not filtered (built without libseccomp)";
}
#endif

void check_state_directory(const std::string& path) {
    if (!path.empty() && faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) < 0)
        throw std::system_error(
            errno, std::generic_category(),
            fmt::format("{}: this user cannot keep the state of exports in it; 'chown' it to "
                        "the user who runs the target",
                        path));
}

} // namespace cli
