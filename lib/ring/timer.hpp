// Makes the loop turn at a moment.
#pragma once

#include "ring/ring.hpp"

#include <chrono>
#include <optional>

namespace aoetarget::ring {

class Timer final : private RegisteredHandler {
  public:
    explicit Timer(Ring& ring) : RegisteredHandler(ring) {}

    /// Makes the loop turn at `deadline` (CLOCK_MONOTONIC) at the latest; it may turn earlier too. It must be
    /// called at most once a turn.
    void set(std::optional<std::chrono::nanoseconds> deadline) {
        if (!deadline || (pending_ && *pending_ <= *deadline))
            return;
        if (pending_)
            cancel(number_); // or early deadlines in turns with late ones would pile up in the kernel
        pending_ = deadline;
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*deadline);
        time_ = {.tv_sec = seconds.count(), .tv_nsec = (*deadline - seconds).count()};
        submit(++number_,
               [&](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &time_, 0, IORING_TIMEOUT_ABS); });
    }

    /// Returns how many deadlines the kernel keeps.
    using RegisteredHandler::outstanding;

  private:
    void on_completion(std::uint64_t number, int, std::uint32_t) override {
        if (number == number_)
            pending_.reset();
    }

    std::optional<std::chrono::nanoseconds> pending_;
    std::uint32_t number_ = 0; ///< Of the pending deadline.
    __kernel_timespec time_{};
};

} // namespace aoetarget::ring
