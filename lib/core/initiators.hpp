// The initiators that were seen lately, so that a new one is noticed.
#pragma once

#include "core/mac_key.hpp"
#include "core/time.hpp"

#include <aoetarget/address.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace aoetarget::core {

/// Knows up to 1,024 MAC addresses. They lie in sets, as in a processor's cache, so that a look takes no
/// longer however many there are. In a full set the one that was silent for the longest time gives way.
class Initiators {
  public:
    static constexpr std::size_t sets = 64, ways = 16;
    /// Source addresses are easily forged, so new ones are noticed at this rate only, after a first crowd. An
    /// initiator that comes when there are too many is noticed by a later request.
    static constexpr Time pace = std::chrono::seconds(1);
    static constexpr int crowd = 64;

    /// Takes note of a request. Returns whether its source is new.
    bool is_new(const MacAddress& source, Time now) {
        const std::uint64_t key = mac_key(source);
        Set& set = sets_[key * key_spread >> 58];
        if (set[0] == key)
            return false;
        const auto place = std::find(set.begin() + 1, set.end(), key);
        const bool found = place != set.end();
        if (!found && !may_notice(now))
            return false;
        // The newest comes first.
        std::rotate(set.begin(), found ? place : set.end() - 1, found ? place + 1 : set.end());
        set[0] = key;
        return !found;
    }

  private:
    using Set = std::array<std::uint64_t, ways>;
    static_assert(sets == 1 << (64 - 58));

    bool may_notice(Time now) {
        const Time from = std::max(credit_from_, now - crowd * pace);
        if (from + pace > now)
            return false;
        credit_from_ = from + pace;
        return true;
    }

    std::array<Set, sets> sets_{};
    Time credit_from_ = Time{} - crowd * pace; ///< Each `pace` since then allows to notice one.
};

} // namespace aoetarget::core
