// Decides whether to stay awake for a moment when there is nothing to do. To sleep and be woken takes longer
// than most whole requests from the page cache, and costs processor time on both sides. If the next
// completion usually comes sooner, it is cheaper to stay awake for it. If it usually comes later, the thread
// sleeps at once.
#pragma once

#include <algorithm>
#include <chrono>

namespace aoetarget::ring {

class BusyPoll {
  public:
    using Duration = std::chrono::nanoseconds;

    /// `longest` is the longest time to stay awake; 0 means never.
    explicit BusyPoll(Duration longest) : longest_(longest), usual_(longest) {}

    /// Returns how long to stay awake now.
    [[nodiscard]] Duration patience() const { return usual_ < longest_ ? longest_ : Duration(0); }

    /// Learns from a wait that is over, which took this time altogether.
    void waited(Duration time) {
        // If the thread slept from the beginning, the event came earlier than the time tells.
        const Duration came = patience() > Duration(0) ? time : std::max(time - sleep_costs, Duration(0));
        // The time is bounded, so that a few short waits outweigh a long one.
        usual_ += (std::min(came, 4 * longest_) - usual_) / 8;
    }

  private:
    // Measured with window 1, page cache, veth, virtual machine: 20 us asleep, 6 us awake.
    static constexpr Duration sleep_costs = std::chrono::microseconds(15);

    Duration longest_;
    Duration usual_; ///< The usual wait; recent waits count more.
};

} // namespace aoetarget::ring
