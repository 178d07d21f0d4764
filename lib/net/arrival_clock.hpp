// When frames arrived, on the core's clock. The kernel notes it for each frame of a socket that asks for it
// (SO_TIMESTAMPNS), but by the wall clock, which may be set at any time.
#pragma once

#include "core/time.hpp"

#include <optional>

namespace aoetarget::net {

/// Between two settings of the wall clock its distance from the monotonic clock is constant: both are slewed
/// alike. So this distance is kept for as long as it agrees with what the clocks say, and all frames are put
/// in order by the same one.
///
/// When the wall clock is set forward, what waits in a socket at that moment looks older than it is, beside
/// what comes after it: some of it may be dropped as stale, which is safe. When it is set back, what waits
/// would look newer, which is not. So for a while after that no frame counts: the initiators repeat theirs.
class ArrivalClock {
  public:
    /// So long after the wall clock was set back, nothing that had come before is left in the sockets.
    static constexpr core::Time settling_time = std::chrono::milliseconds(100);
    /// Of what one reading says, beyond the time that it took.
    static constexpr core::Time tolerance = std::chrono::microseconds(5);

    /// Both clocks, read one after the other.
    struct Reading {
        core::Time before; ///< CLOCK_MONOTONIC, as the core's clock.
        core::Time wall;   ///< CLOCK_REALTIME.
        core::Time after;  ///< CLOCK_MONOTONIC.

        static Reading take();
    };

    /// The frames that are handed over from now on may have come after the last reading.
    void next_turn() { is_fresh_ = false; }
    /// When a frame arrived that has this stamp; empty where that cannot be told. Looks at the clocks where
    /// that was not done in this turn.
    std::optional<core::Time> arrival(core::Time stamp) {
        if (!is_fresh_)
            read(Reading::take());
        return convert(stamp);
    }

    void read(const Reading& reading);
    [[nodiscard]] std::optional<core::Time> convert(core::Time stamp) const;

  private:
    bool is_fresh_ = false;
    core::Time now_{};
    std::optional<core::Time> distance_; ///< From the monotonic clock to the wall clock.
    core::Time settled_ = core::Time::min();
};

} // namespace aoetarget::net
