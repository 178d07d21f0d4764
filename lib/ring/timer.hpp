// Makes the loop turn at a moment.
#pragma once

#include "ring/ring.hpp"

#include <chrono>
#include <optional>

namespace aoetarget::ring {

class Timer final : private CompletionHandler {
  public:
    explicit Timer(Ring& ring) : ring_(ring), handler_(ring.add_handler(*this)) {}
    ~Timer() { ring_.remove_handler(handler_); }

    /// At the latest at `deadline` (CLOCK_MONOTONIC) the loop turns; it may turn earlier too. At most once a
    /// turn.
    void set(std::optional<std::chrono::nanoseconds> deadline) {
        if (!deadline || (pending_ && *pending_ <= *deadline))
            return;
        pending_ = deadline;
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*deadline);
        time_ = {.tv_sec = seconds.count(), .tv_nsec = (*deadline - seconds).count()};
        ring_.submit(handler_, 0,
                     [&](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &time_, 0, IORING_TIMEOUT_ABS); });
    }

  private:
    void on_completion(std::uint64_t, int, std::uint32_t) override { pending_.reset(); }

    Ring& ring_;
    HandlerId handler_;
    std::optional<std::chrono::nanoseconds> pending_;
    __kernel_timespec time_{};
};

} // namespace aoetarget::ring
