// Takes functions under a lock, and calls them without it.
#include "posted_calls.hpp"

#include <utility>

namespace aoetarget {

void PostedCalls::post(std::function<void()> call) {
    const std::lock_guard lock(mutex_);
    if (closed_)
        return;
    calls_.push_back(std::move(call));
    if (has_calls_.exchange(true))
        return;    // the first has woken the loop
    waker_.wake(); // under the lock, because the call may lead to the end of the target
}

void PostedCalls::run() {
    if (!has_calls_.load(std::memory_order_relaxed))
        return; // a call that comes just now wakes the loop once more
    std::vector<std::function<void()>> calls;
    {
        const std::lock_guard lock(mutex_);
        has_calls_ = false;
        calls.swap(calls_);
    }
    for (auto& call : calls) {
        call();
        call = nullptr; // what it holds goes in the same order
    }
}

void PostedCalls::close() {
    std::vector<std::function<void()>> calls; // destroyed without the lock: what they hold may post
    const std::lock_guard lock(mutex_);
    closed_ = true;
    calls.swap(calls_);
}

} // namespace aoetarget
