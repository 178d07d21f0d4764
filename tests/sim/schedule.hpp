// Virtual time: what is to happen, in order.
#pragma once

#include "core/time.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

namespace aoesim {

using aoetarget::core::Time;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Schedule {
  public:
    [[nodiscard]] Time now() const { return now_; }
    [[nodiscard]] bool empty() const { return events_.empty(); }

    void after(Time delay, std::function<void()> action) {
        events_.push_back({now_ + delay, next_number_++, std::move(action)});
        std::ranges::push_heap(events_, later);
    }
    /// Lets the next thing happen. Of things at the same time the first that was scheduled is the first.
    void step() {
        std::ranges::pop_heap(events_, later);
        const Event event = std::move(events_.back());
        events_.pop_back();
        now_ = event.time;
        event.action();
    }

  private:
    struct Event {
        Time time;
        std::uint64_t number;
        std::function<void()> action;
    };
    static bool later(const Event& one, const Event& other) {
        return one.time != other.time ? one.time > other.time : one.number > other.number;
    }

    std::vector<Event> events_; ///< A heap.
    std::uint64_t next_number_ = 0;
    Time now_ = seconds(1000);
};

} // namespace aoesim
