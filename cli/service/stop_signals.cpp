// Makes the signalfd, and lets signals kill again.
#include "service/stop_signals.hpp"

#include <cerrno>
#include <system_error>

#include <sys/signalfd.h>
#include <unistd.h>

namespace cli {
namespace {

/// Returns whether the signal is ignored, for example by nohup, or in the background of a script.
bool is_ignored(int signal) {
    struct sigaction action {};
    return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

} // namespace

StopSignals::StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    for (const int signal : {SIGINT, SIGHUP}) { // the end of a terminal must not lose a cache
        if (!is_ignored(signal))
            sigaddset(&signals_, signal);
    }
    fd_ = signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd_ < 0)
        throw std::system_error(errno, std::generic_category(), "cannot watch for signals");
}

StopSignals::~StopSignals() {
    close(fd_);
}

void StopSignals::take_over() {
    sigprocmask(SIG_BLOCK, &signals_, nullptr);
}

StopSignals::Arrived StopSignals::read_all() {
    Arrived arrived;
    signalfd_siginfo signal{};
    while (read(fd_, &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal))
        (signal.ssi_signo == SIGHUP ? arrived.hang_up : arrived.end) = true;
    return arrived;
}

void StopSignals::let_kill() {
    sigset_t impatient;
    sigemptyset(&impatient);
    sigaddset(&impatient, SIGTERM);
    sigaddset(&impatient, SIGINT);
    sigprocmask(SIG_UNBLOCK, &impatient, nullptr);
}

} // namespace cli
