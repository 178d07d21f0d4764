// Functions that other threads hand to the target's thread.
#pragma once

#include "core/io_queue.hpp"

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

namespace aoetarget {

class PostedCalls {
  public:
    /// The waker outlives this object.
    explicit PostedCalls(IoQueue::Waker& waker) : waker_(waker) {}

    /// Takes a function for the next run(). Any thread may call it, as long as this object lives; it may be
    /// destroyed as soon as the function has been called. After close() the function is destroyed at once.
    void post(std::function<void()> call);
    /// Calls what was posted before, in this order, on the target's thread. What is posted meanwhile is for
    /// the next time.
    void run();
    /// Destroys what was posted without calling it, and takes nothing any more.
    void close();

  private:
    IoQueue::Waker& waker_;
    std::atomic<bool> has_calls_ = false; ///< Saves the lock in turns without a call.
    std::mutex mutex_;
    std::vector<std::function<void()>> calls_; ///< This and the next are under the lock.
    bool closed_ = false;
};

} // namespace aoetarget
