// How long to wait for what somebody else is about to give back. What a killed process had, the kernel
// releases in the background, some time after the process is gone (measured: 0.1 s where io_uring had it).
#pragma once

#include <chrono>
#include <thread>

namespace aoetarget::net {

class Patience {
  public:
    /// Of no length, which is for whoever must not block: what is not to be had at once is not waited for.
    Patience() = default;
    explicit Patience(std::chrono::milliseconds length) : end_(std::chrono::steady_clock::now() + length) {}

    /// Sleeps a moment. False, and does not, where it is over.
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
