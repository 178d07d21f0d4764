// The time to wait for a resource that another process is about to give back. The kernel releases the
// resources of a killed process in the background, some time after it is gone (measured: 0.1 s if io_uring
// had them).
#pragma once

#include <chrono>
#include <thread>

namespace aoetarget::net {

class Patience {
  public:
    /// No patience, for callers that must not block.
    Patience() = default;
    explicit Patience(std::chrono::milliseconds length) : end_(std::chrono::steady_clock::now() + length) {}

    /// Sleeps a moment. When the time is over, it returns false and does not sleep.
    [[nodiscard]] bool wait() const {
        if (std::chrono::steady_clock::now() >= end_)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return true;
    }

  private:
    std::chrono::steady_clock::time_point end_{};
};

} // namespace aoetarget::net
