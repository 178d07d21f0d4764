// Virtual time: the future events, in order.
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
        std::uint32_t place = static_cast<std::uint32_t>(actions_.size());
        if (free_.empty()) {
            actions_.push_back(std::move(action));
        } else {
            place = free_.back();
            free_.pop_back();
            actions_[place] = std::move(action);
        }
        events_.push_back({now_ + delay, next_number_++, place});
        std::ranges::push_heap(events_, later);
    }
    /// Lets the next thing happen. Of things at the same time the first that was scheduled is the first.
    void step() {
        std::ranges::pop_heap(events_, later);
        const Event event = events_.back();
        events_.pop_back();
        now_ = event.time;
        const std::function<void()> action = std::move(actions_[event.action]);
        free_.push_back(event.action);
        action();
    }

  private:
    struct Event {
        Time time;
        std::uint64_t number;
        std::uint32_t action; ///< Its place in actions_.
    };
    static bool later(const Event& one, const Event& other) {
        return one.time != other.time ? one.time > other.time : one.number > other.number;
    }

    std::vector<Event> events_; ///< A heap of what is small to move.
    std::vector<std::function<void()>> actions_;
    std::vector<std::uint32_t> free_; ///< Places in actions_.
    std::uint64_t next_number_ = 0;
    Time now_ = seconds(1000);
};

} // namespace aoesim
