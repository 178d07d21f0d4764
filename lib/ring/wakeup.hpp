// Makes the loop turn, from any thread or a signal handler: an eventfd that is read through the ring.
#pragma once

#include "ring/ring.hpp"

namespace aoetarget::ring {

class Wakeup final : private CompletionHandler {
  public:
    explicit Wakeup(Ring& ring);
    /// Only when quiet.
    ~Wakeup();

    /// Async-signal-safe, and callable from any thread.
    void wake() const noexcept;

    void stop() {
        stopping_ = true; // the cancellation may come just after a wake-up
        ring_.cancel(handler_, 0);
    }
    [[nodiscard]] bool quiet() const { return ring_.outstanding(handler_) == 0; }

  private:
    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void read();

    Ring& ring_;
    int fd_;
    HandlerId handler_;
    std::uint64_t count_ = 0;
    bool stopping_ = false;
};

} // namespace aoetarget::ring
