// Turns a time of the wall clock into one of the core.
#include "net/arrival_clock.hpp"

#include <algorithm>

namespace aoetarget::net {

/// A reading is useless if the thread was interrupted in between; a few attempts are enough.
ArrivalClock::Reading ArrivalClock::Reading::take() {
    constexpr int attempts = 4;
    Reading best{};
    for (int i = 0; i < attempts; ++i) {
        Reading reading{};
        reading.before = std::chrono::steady_clock::now().time_since_epoch();
        reading.wall = std::chrono::system_clock::now().time_since_epoch();
        reading.after = std::chrono::steady_clock::now().time_since_epoch();
        if (i == 0 || reading.after - reading.before < best.after - best.before)
            best = reading;
        if (best.after - best.before <= tolerance)
            break;
    }
    return best;
}

void ArrivalClock::read(const Reading& reading) {
    is_fresh_ = true;
    now_ = reading.after;
    const core::Time least = reading.wall - reading.after - tolerance;
    const core::Time most = reading.wall - reading.before + tolerance;
    if (distance_ && *distance_ >= least && *distance_ <= most)
        return;
    if (distance_ && *distance_ > most)
        settled_ = now_ + settling_time;
    distance_ = least + (most - least) / 2;
}

std::optional<core::Time> ArrivalClock::convert(core::Time stamp) const {
    if (now_ < settled_)
        return std::nullopt;
    const core::Time arrival = std::min(stamp - *distance_, now_);
    return arrival == core::Time{} ? core::Time{1}
                                   : arrival; // zero would mean unknown: see FrameSlot::arrival()
}

} // namespace aoetarget::net
