// Tells when frames arrived, on the core's clock. The kernel stamps each frame of a socket that asks for it
// (SO_TIMESTAMPNS), but by the wall clock, which may be set at any time.
#pragma once

#include "core/time.hpp"

#include <optional>

namespace aoetarget::net {

/// Between two settings of the wall clock its distance from the monotonic clock is constant: both are slewed
/// alike. So this class keeps that distance as long as it agrees with both clocks, and orders all frames by
/// the same distance.
///
/// When the wall clock is set forward, frames that wait in a socket at that moment look older than they are,
/// beside later ones: some may be dropped as stale, which is safe. When it is set back, waiting frames would
/// look newer, which is not safe. So all frames are dropped for a while after that, and the initiators repeat
/// them.
class ArrivalClock {
  public:
    /// After this time no frame is left in the sockets that came before the wall clock was set back.
    static constexpr core::Time settling_time = std::chrono::milliseconds(100);
    /// The inaccuracy of a reading, beyond the time that it took.
    static constexpr core::Time tolerance = std::chrono::microseconds(5);

    /// A reading of both clocks, one after the other.
    struct Reading {
        core::Time before; ///< CLOCK_MONOTONIC, as the core's clock.
        core::Time wall;   ///< CLOCK_REALTIME.
        core::Time after;  ///< CLOCK_MONOTONIC.

        static Reading take();
    };

    /// Begins a turn: frames that are handed over from now on may have come after the last reading.
    void next_turn() { is_fresh_ = false; }
    /// Returns when a frame with this stamp arrived, or nothing if that is unknown. It reads the clocks if
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
    std::optional<core::Time> distance_; ///< The distance from the monotonic clock to the wall clock.
    core::Time settled_ = core::Time::min();
};

} // namespace aoetarget::net
