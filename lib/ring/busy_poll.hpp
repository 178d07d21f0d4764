// Whether to stay awake for a moment when there is nothing to do. To sleep and to be woken takes longer than
// most page cache requests do altogether, and costs the processor time on both sides; where the next
// completion usually comes sooner, it is cheaper to look out for it. Where it usually comes later, nothing is
// wasted.
#pragma once

#include <algorithm>
#include <chrono>

namespace aoetarget::ring {

class BusyPoll {
  public:
    using Duration = std::chrono::nanoseconds;

    /// `longest`: how long to stay awake at most. 0: never.
    explicit BusyPoll(Duration longest) : longest_(longest), usual_(longest) {}

    /// For how long to stay awake now.
    [[nodiscard]] Duration patience() const { return usual_ < longest_ ? longest_ : Duration(0); }

    /// Learns from a wait that is over: how long it took, all in all.
    void waited(Duration time) {
        // What was slept through from the beginning came earlier than that tells.
        const Duration came = patience() > Duration(0) ? time : std::max(time - sleep_costs, Duration(0));
        // Bounded, so that a few short waits outweigh a long one.
        usual_ += (std::min(came, 4 * longest_) - usual_) / 8;
    }

  private:
    // Window 1, page cache, veth, virtual machine: 20 us asleep, 6 us awake.
    static constexpr Duration sleep_costs = std::chrono::microseconds(15);

    Duration longest_;
    Duration usual_; ///< Time until something comes: of the last waits, the older the less.
};

} // namespace aoetarget::ring
