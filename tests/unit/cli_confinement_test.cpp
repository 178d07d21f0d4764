// What a process can still do once it filters its system calls.
#include "service/confinement.hpp"
#include "support/backing.hpp"
#include "support/catch.hpp"

#include <aoetarget/hand_over.hpp>

#include <cerrno>
#include <functional>
#include <system_error>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace aoetest;

namespace {

enum Outcome { held, broken, not_filtered };

/// Returns whether `work` returns true in a process that filters its system calls.
Outcome confined(const std::function<bool()>& work) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (cli::filter_system_calls(false) != "system calls: filtered")
            _exit(not_filtered);
        try {
            _exit(work() ? held : broken);
        } catch (const std::system_error&) {
            _exit(broken);
        }
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return static_cast<Outcome>(WEXITSTATUS(status));
}

bool is_refused(int result) {
    return result == -1 && errno == EPERM;
}

} // namespace

TEST_CASE("a confined process takes a file that is sent, and heeds its own limit") {
    const ImageFile image(256);
    const auto device = aoetarget::open_file(image.path());
    aoetarget::DeviceParts parts = take_apart(*device);
    for (int& descriptor : parts.descriptors)
        descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    const auto work = [&] {
        rlimit limit{};
        return getrlimit(RLIMIT_FSIZE, &limit) == 0 && put_together(parts)->geometry().sectors == 256;
    };
    const Outcome outcome = confined(work);
    for (const int descriptor : parts.descriptors)
        close(descriptor);
    if (outcome == not_filtered)
        SKIP_BECAUSE("system calls are not filtered here");
    CHECK(outcome == held);
}

TEST_CASE("a confined process changes neither how a file is open nor its limits") {
    const ImageFile image(8);
    const int file = open(image.path().c_str(), O_RDWR | O_CLOEXEC);
    rlimit limit{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const Outcome outcome = confined([&] {
        rlimit other{};
        return is_refused(fcntl(file, F_SETFL, O_APPEND)) && is_refused(fcntl(file, F_DUPFD_CLOEXEC, 0)) &&
               is_refused(fcntl(file, F_SETOWN, getpid())) && is_refused(setrlimit(RLIMIT_FSIZE, &limit)) &&
               is_refused(getrlimit(RLIMIT_NOFILE, &other));
    });
    close(file);
    if (outcome == not_filtered)
        SKIP_BECAUSE("system calls are not filtered here");
    CHECK(outcome == held);
}
