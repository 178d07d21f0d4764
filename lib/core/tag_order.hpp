// The order in which a Linux host has sent its requests, as far as tags tell.
//
// Bits 15 to 0 of its tags are the time in jiffies of 1 to 10 ms, bits 30 to 16 count its transmissions, and
// bit 31 is clear. So the time decides, and within one jiffy the counter, which advances by less than half of
// its range in that time. The counter alone proves nothing: at 50,000 transmissions a second it passes half
// of its range in a third of a second.
//
// Tags of other hosts have no such order, and one of them may look older than one that was sent before it:
// - A counter (iPXE, macOS, Plan 9) does not, unless at least 57,345 requests were sent in between. It has
//   Linux's order as long as it is less than 8,192 requests.
// - A counter with its bytes swapped (WinAoE) does in one of eight cases.
// - A random tag does in one of 32. Therefore a tag proves that a frame is late only together with its
// content (write_history.hpp).
#pragma once

#include <algorithm>
#include <cstdint>

namespace aoetarget::core {

/// A tag counts as older than those of this number of jiffies that follow it.
inline constexpr unsigned most_jiffies = 0x2000;

/// Returns whether a Linux host has sent `tag` before `than`, by at most 8 s (32 s if a jiffy is 4 ms): no
/// frame is under way for that long.
constexpr bool is_older_tag(std::uint32_t tag, std::uint32_t than) {
    constexpr unsigned counters = 0x8000;
    if (((tag | than) >> 31) != 0)
        return false;
    const auto jiffies = static_cast<std::uint16_t>(than - tag);
    const unsigned transmissions = ((than >> 16) - (tag >> 16)) % counters;
    return jiffies != 0 ? jiffies < most_jiffies : transmissions - 1 < counters / 2 - 1;
}

/// A set of tags, of which it stores the newest and the distance to which the others reach back.
class TagSet {
  public:
    TagSet() = default;
    explicit constexpr TagSet(std::uint32_t tag) : newest_(tag) {}

    [[nodiscard]] constexpr std::uint32_t newest() const { return newest_; }

    /// If this returns false, the set has surely no tag than which `tag` is older, and none but the newest is
    /// `tag` itself.
    [[nodiscard]] constexpr bool may_hold_newer(std::uint32_t tag) const {
        const bool holds_one = jiffies_ == 0 && transmissions_ == 0;
        return holds_one ? is_older_tag(tag, newest_)
                         : tag != newest_ && !all_come_before(tag, first_that_looks_older);
    }
    /// Returns whether `tag` comes so long after some of them that it may soon look older.
    [[nodiscard]] constexpr bool are_long_before(std::uint32_t tag) const {
        return jiffies_ + jiffies_from(newest_, tag) >= most_jiffies;
    }
    /// Returns whether a set with this tag as its newest can take all of them in.
    [[nodiscard]] constexpr bool fits_before(std::uint32_t tag) const {
        return tag == newest_ || all_come_before(tag, half_the_jiffies - 1);
    }
    /// Takes in the tags of `others`, which fit before the newest of this set.
    constexpr void take_in(const TagSet& others) {
        const unsigned jiffies = jiffies_from(others.newest_, newest_);
        jiffies_ = std::max(jiffies_, static_cast<std::uint16_t>(jiffies + others.jiffies_));
        if (jiffies == 0)
            transmissions_ = std::max(transmissions_,
                                      static_cast<std::uint16_t>(transmissions_from(others.newest_, newest_) +
                                                                 others.transmissions_));
    }

  private:
    static constexpr unsigned half_the_jiffies = 0x8000, half_the_counters = 0x4000;
    static constexpr unsigned first_that_looks_older = 2 * half_the_jiffies - most_jiffies;

    [[nodiscard]] static constexpr unsigned jiffies_from(std::uint32_t tag, std::uint32_t to) {
        return static_cast<std::uint16_t>(to - tag);
    }
    [[nodiscard]] static constexpr unsigned transmissions_from(std::uint32_t tag, std::uint32_t to) {
        return ((to >> 16) - (tag >> 16)) % (2 * half_the_counters);
    }
    /// Both numbers wrap. Within `most` jiffies from the oldest of the set to `tag` the comparisons agree.
    [[nodiscard]] constexpr bool all_come_before(std::uint32_t tag, unsigned most) const {
        if (((tag | newest_) >> 31) != 0)
            return false;
        const unsigned jiffies = jiffies_from(newest_, tag);
        const unsigned transmissions = transmissions_from(newest_, tag);
        return jiffies != 0 ? jiffies + jiffies_ <= most
                            : transmissions != 0 && transmissions + transmissions_ < half_the_counters;
    }

    std::uint32_t newest_ = 0;
    std::uint16_t jiffies_ = 0; ///< Jiffies from the oldest to the newest.
    std::uint16_t transmissions_ =
        0; ///< Transmissions from the oldest to the newest tag of the newest jiffy.
};

} // namespace aoetarget::core
