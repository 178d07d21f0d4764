// Gives up capabilities, filters system calls, and checks that the state directory can still be used after
// that.
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
#include <sys/resource.h>
#include <vector>
#endif

namespace cli {
namespace {

[[noreturn]] void fail(int error, const char* what) {
    throw std::system_error(error, std::generic_category(), what);
}

} // namespace

std::string drop_privileges() {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        fail(errno, "cannot stop this process from gaining privileges");
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
namespace {

scmp_arg_cmp is_equal(unsigned argument, scmp_datum_t value) {
    return {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}

} // namespace

/// All other calls fail with EPERM. The filter does not see operations of the ring: see Ring::allow().
std::string filter_system_calls(bool keeps_state) {
    constexpr int allowed[] = {
        // the loop
        SCMP_SYS(io_uring_enter),
        SCMP_SYS(io_uring_register),
        SCMP_SYS(read),
        SCMP_SYS(write),
        SCMP_SYS(close),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(sched_yield),
        // events on standard error
        SCMP_SYS(poll),
        SCMP_SYS(ppoll),
        SCMP_SYS(fstat),
        SCMP_SYS(newfstatat),
        // an interface that changes or comes back
        SCMP_SYS(socket),
        SCMP_SYS(bind),
        SCMP_SYS(setsockopt),
        SCMP_SYS(getsockopt),
        SCMP_SYS(getsockname),
        SCMP_SYS(ioctl),
        SCMP_SYS(capget), // to tell why there is no AF_XDP lane
        // the control socket; what it answers goes out with write()
        SCMP_SYS(accept4),
        // a disk that is back: see DiskKeeper. It asks with write(); sendmsg() would reach other sockets.
        // What
        // comes is checked, also with the calls below that are allowed with some arguments only. The path of
        // the disk is watched again, with the links on its way, which tells little more than statx of the
        // ring.
        SCMP_SYS(recvmsg),
        SCMP_SYS(fstatfs),
        SCMP_SYS(inotify_init1),
        SCMP_SYS(inotify_add_watch),
        SCMP_SYS(inotify_rm_watch),
        SCMP_SYS(readlink),
        SCMP_SYS(readlinkat),
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
    // With these calls an XDP lane can follow the MAC address, use a program that another process has
    // attached, and end. A new program cannot be made.
    constexpr bpf_cmd allowed_of_bpf[] = {BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM, BPF_LINK_DETACH,
                                          BPF_LINK_UPDATE, BPF_OBJ_GET_INFO_BY_FD};
    // How a file that was sent is open, and its locks. Nothing can be changed but those: no flags, no leases,
    // no signals, and no descriptor is duplicated.
    constexpr int allowed_of_fcntl[] = {F_GETFL, F_OFD_SETLK, F_OFD_GETLK};
    int error = 0;
    const auto allow = [&](int number, const std::vector<scmp_arg_cmp>& arguments = {}) {
        error |= seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, number,
                                        static_cast<unsigned>(arguments.size()), arguments.data());
    };
    for (const int number : allowed)
        allow(number);
    // The ring may do these anyway then, to save states.
    constexpr int allowed_for_state[] = {SCMP_SYS(openat), SCMP_SYS(unlinkat), SCMP_SYS(renameat),
                                         SCMP_SYS(renameat2)};
    for (const int number : allowed_for_state)
        error |= keeps_state ? seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, 0) : 0;
    for (const bpf_cmd command : allowed_of_bpf)
        allow(SCMP_SYS(bpf), {is_equal(0, command)});
    for (const int command : allowed_of_fcntl)
        allow(SCMP_SYS(fcntl), {is_equal(1, static_cast<scmp_datum_t>(command))});
    // How far this process itself may write a file, and what it may lock for a lane. The limits cannot be
    // changed.
    for (const int limit : {RLIMIT_FSIZE, RLIMIT_MEMLOCK})
        allow(SCMP_SYS(prlimit64),
              {is_equal(0, 0), is_equal(1, static_cast<scmp_datum_t>(limit)), is_equal(2, 0)});
    if (error != 0)
        fail(EINVAL, "cannot make a filter of system calls");
    // A container may forbid it; such a container has filters of its own.
    return seccomp_load(filter.get()) == 0 ? "system calls: filtered"
                                           : "system calls: not filtered (refused)";
}
#else
std::string filter_system_calls(bool /*keeps_state*/) {
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
