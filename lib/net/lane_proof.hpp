// Whether the frames that the XDP program hands over arrive in the lane's socket. A driver may let the
// program have frames of which the socket gets none, and nothing else would tell.
#pragma once

#include <cstdint>

namespace aoetarget::net {

class LaneProof {
  public:
    /// Looks at both counters, now and then. False: what was handed over before the last look is still not
    /// there. What the socket dropped for want of room has arrived, too.
    bool holds(std::uint64_t handed_over, std::uint64_t arrived) {
        const bool nothing_arrived = arrived == arrived_;
        const bool waits_for_long = nothing_arrived && is_waiting_;
        is_waiting_ = nothing_arrived && handed_over != handed_over_;
        if (!is_waiting_)
            handed_over_ = handed_over;
        arrived_ = arrived;
        return !waits_for_long;
    }

    /// Something was handed over that may still be on its way: look again before long.
    [[nodiscard]] bool is_waiting() const { return is_waiting_; }

  private:
    std::uint64_t handed_over_ = 0; ///< When all of it seemed to have arrived.
    std::uint64_t arrived_ = 0;
    bool is_waiting_ = false;
};

} // namespace aoetarget::net
