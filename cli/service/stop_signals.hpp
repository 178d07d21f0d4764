// SIGTERM, SIGINT and SIGHUP as a file descriptor that the target's ring waits on: no handler ever runs.
#pragma once

#include <csignal>

namespace cli {

class StopSignals {
  public:
    /// Takes those of the three that are not ignored from the beginning. Until take_over() they end the
    /// process: it may be waiting for a disk that never answers, and it has nothing to finish. Throws
    /// std::system_error.
    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    /// Readable when one of them has come.
    [[nodiscard]] int fd() const { return fd_; }

    /// From here on they come through fd(). To be called before the first request is taken, and before there
    /// are other threads.
    void take_over();

    /// Reads fd() empty. Returns whether there was any signal; those that come together (a terminal that is
    /// closed sends SIGHUP twice) count as one.
    bool read_all();

    /// From here on SIGTERM and SIGINT do not wait for anything, since a disk may never answer: the kernel
    /// ends this process.
    void let_kill();

  private:
    sigset_t signals_{};
    int fd_ = -1;
};

} // namespace cli
