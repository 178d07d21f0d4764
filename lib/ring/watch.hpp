// Calls a function when a descriptor of somebody else's is readable.
#pragma once

#include "ring/ring.hpp"

#include <functional>

#include <poll.h>

namespace aoetarget::ring {

class Watch final : private CompletionHandler {
  public:
    Watch(Ring& ring, int fd, std::function<void()> ready) : ring_(ring), fd_(fd), ready_(std::move(ready)) {
        handler_ = ring_.add_handler(*this);
        poll();
    }
    /// Only when quiet.
    ~Watch() { ring_.remove_handler(handler_); }

    void stop() {
        stopping_ = true;
        ring_.cancel(handler_, 0);
    }
    [[nodiscard]] bool quiet() const { return ring_.outstanding(handler_) == 0; }

  private:
    void poll() {
        ring_.submit(handler_, 0, [&](io_uring_sqe* sqe) { io_uring_prep_poll_multishot(sqe, fd_, POLLIN); });
    }
    void on_completion(std::uint64_t, int result, std::uint32_t flags) override {
        if (result < 0 || stopping_)
            return; // cancelled, or not a descriptor that can be watched
        if ((flags & IORING_CQE_F_MORE) == 0)
            poll();
        ready_();
    }

    Ring& ring_;
    int fd_;
    std::function<void()> ready_;
    HandlerId handler_{};
    bool stopping_ = false;
};

} // namespace aoetarget::ring
