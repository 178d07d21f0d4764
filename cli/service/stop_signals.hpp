// SIGTERM, SIGINT and SIGHUP as a file descriptor on which the target's ring waits, without a signal handler.
#pragma once

#include <csignal>

namespace cli {

class StopSignals {
  public:
    /// Watches those of the three that are not ignored from the beginning. Until take_over() they end the
    /// process, because it may be waiting for a disk that never answers, and has nothing to finish. Throws
    /// std::system_error.
    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    /// Returns a descriptor that is readable when one of them has come. This object owns it.
    [[nodiscard]] int fd() const { return fd_; }

    /// Makes the signals come through fd() from now on. Call it before the first request is taken, and before
    /// there are other threads.
    void take_over();

    struct Arrived {
        bool end = false;     ///< SIGTERM or SIGINT
        bool hang_up = false; ///< SIGHUP
    };
    /// Reads fd() empty. Those that come together (a terminal that is closed sends SIGHUP twice) count as
    /// one.
    Arrived read_all();

    /// Makes SIGTERM and SIGINT end this process at once from now on, because a disk may never answer.
    void let_kill();

  private:
    sigset_t signals_{};
    int fd_ = -1;
};

} // namespace cli
