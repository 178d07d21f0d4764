// Completed device operations on their way back into the core.
#pragma once

#include <aoetarget/block_device.hpp>

#include <atomic>

namespace aoetarget {

/// The queue into which Io::complete() and Io::complete_from_any_thread() put an operation. The core takes it
/// out at the end of the turn, so a device that completes from within submit() causes no recursion.
class IoQueue final : public IoOwner {
  public:
    /// Makes the loop turn. Any thread may call it.
    class Waker {
      public:
        virtual void wake() noexcept = 0;

      protected:
        ~Waker() = default;
    };

    void set_waker(Waker* waker) { waker_ = waker; }

    void completed(Io& io) noexcept override {
        io.next_completed_ = nullptr;
        (last_ != nullptr ? last_->next_completed_ : first_) = &io;
        last_ = &io;
        if (!in_turn_ && waker_ != nullptr)
            waker_->wake();
    }

    void completed_from_any_thread(Io& io) noexcept override {
        callers_.fetch_add(1, std::memory_order_relaxed);
        Io* head = elsewhere_.load(std::memory_order_relaxed);
        do {
            io.next_completed_ = head;
        } while (!elsewhere_.compare_exchange_weak(head, &io, std::memory_order_release,
                                                   std::memory_order_relaxed));
        if (head == nullptr && waker_ != nullptr)
            waker_->wake(); // only the first in an empty list has to wake the loop
        callers_.fetch_sub(1, std::memory_order_release); // the last access to this object
    }

    /// Returns whether another thread is still within completed_from_any_thread(). The core may have finished
    /// its operation already.
    [[nodiscard]] bool has_callers() const { return callers_.load(std::memory_order_acquire) != 0; }

    /// While the loop turns, completions on its own thread need not wake it.
    void set_in_turn(bool in_turn) { in_turn_ = in_turn; }

    /// Takes the oldest, or returns null if there is none. `error` becomes the one that the device gave.
    Io* pop(int& error) {
        if (first_ == nullptr)
            collect_from_elsewhere();
        Io* io = first_;
        if (io == nullptr)
            return nullptr;
        first_ = io->next_completed_;
        if (first_ == nullptr)
            last_ = nullptr;
        error = io->error_;
        return io;
    }

  private:
    void collect_from_elsewhere() {
        Io* io = elsewhere_.exchange(nullptr, std::memory_order_acquire);
        while (io != nullptr) { // the newest comes first, so reverse the order
            Io* next = io->next_completed_;
            io->next_completed_ = first_;
            first_ = io;
            if (last_ == nullptr)
                last_ = io;
            io = next;
        }
    }

    Io* first_ = nullptr;
    Io* last_ = nullptr;
    std::atomic<Io*> elsewhere_{nullptr};
    std::atomic<unsigned> callers_{0};
    Waker* waker_ = nullptr;
    bool in_turn_ = false;
};

} // namespace aoetarget
