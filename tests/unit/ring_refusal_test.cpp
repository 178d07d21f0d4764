// The ring where the kernel has little memory for it, or refuses it.
#include "ring/ring.hpp"
#include "support/catch.hpp"

#include <cerrno>
#include <cstddef>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using aoetarget::ring::Ring;

namespace {

/// The limits and filters of the work stay in a process of its own. It returns its exit status; an exception
/// is 2.
template <typename Work>
void check_in_child(Work work) {
    const pid_t child = fork();
    if (child == 0) {
        try {
            _exit(work());
        } catch (const std::exception&) {
            _exit(2);
        }
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

} // namespace

TEST_CASE("where memory for the largest completion queue is missing, a smaller one does", "[ring]") {
    check_in_child([&] {
        std::size_t pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        // The largest takes 256 KiB, and the entries for submission 64 KiB.
        const rlim_t limit = pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) + (300 << 10);
        const rlimit space{limit, limit};
        setrlimit(RLIMIT_AS, &space);
        const Ring ring(16384);
        const bool is_smaller = ring.features().find(" 8192 completions") != std::string::npos ||
                                ring.features().find(" 4096 completions") != std::string::npos;
        return is_smaller ? 0 : 1;
    });
}

TEST_CASE("64 KiB of locked memory are enough for a ring that works", "[ring]") {
    check_in_child([&] {
        const rlimit locked{64 << 10, 64 << 10};
        setrlimit(RLIMIT_MEMLOCK, &locked);
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) // gives up CAP_IPC_LOCK
            return 3;
        Ring ring(16384);
        struct Counter final : aoetarget::ring::CompletionHandler {
            void on_completion(std::uint64_t, int, std::uint32_t) override { ++ended; }
            unsigned ended = 0;
        } counter;
        const auto handler = ring.add_handler(counter);
        constexpr unsigned operations = 3000; // more than either queue holds
        for (unsigned i = 0; i < operations; ++i)
            ring.submit(handler, i, [](io_uring_sqe* sqe) { io_uring_prep_nop(sqe); });
        while (counter.ended < operations)
            ring.poll();
        return 0;
    });
}

TEST_CASE("a filter of system calls is named where it refuses the ring", "[ring]") {
    // Docker's says EPERM, Podman's ENOSYS.
    const auto call =
        GENERATE(static_cast<unsigned>(__NR_io_uring_setup), __NR_io_uring_enter, __NR_io_uring_register);
    const auto refusal = GENERATE(static_cast<unsigned>(EPERM), ENOSYS);
    CAPTURE(call, refusal);
    check_in_child([&] {
        sock_filter program[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | refusal),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
        try {
            const Ring ring(1024);
        } catch (const std::system_error& error) {
            const bool is_named =
                std::string(error.what()).find("a seccomp filter refuses it") != std::string::npos;
            return is_named && error.code() == std::errc::operation_not_permitted ? 0 : 1;
        }
        return 2;
    });
}
