// Makes the loop turn, from any thread or a signal handler, by an eventfd that is read through the ring.
#pragma once

#include "ring/ring.hpp"

namespace aoetarget::ring {

class Wakeup final : private RegisteredHandler {
  public:
    explicit Wakeup(Ring& ring);
    /// May be destroyed only when quiet().
    ~Wakeup();

    /// Wakes the loop. It is async-signal-safe, and any thread may call it.
    void wake() const noexcept;

    void stop() {
        stopping_ = true; // the cancellation may come just after a wake-up
        cancel(0);
    }
    using RegisteredHandler::quiet;

  private:
    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void read();

    int fd_;
    std::uint64_t count_ = 0;
    bool stopping_ = false;
};

} // namespace aoetarget::ring
