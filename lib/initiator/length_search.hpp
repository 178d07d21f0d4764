// The search for the longest frame that gets through.
#pragma once

#include <aoetarget/probe.hpp>

#include <optional>
#include <span>

namespace aoetarget::initiator {

/// Asks for one number after another, and is told whether it gets through. Every number up to a limit gets
/// through, and none beyond. A number that does not takes long to find out, so the search begins with the
/// largest, then tries the given usual limits, and only then halves what is left. Numbers are whatever the
/// caller counts: bytes, or sectors.
class LengthSearch {
  public:
    /// `smallest` to `largest` are the numbers in question. The hints are in ascending order.
    LengthSearch(std::size_t smallest, std::size_t largest, std::span<const std::size_t> hints = {})
        : passed_(smallest - 1), lost_(largest + 1), largest_(largest), hints_(hints) {}

    /// Returns the next number to try, or nothing if the limit is known.
    [[nodiscard]] std::optional<std::size_t> next() const {
        if (passed_ + 1 >= lost_)
            return std::nullopt;
        if (lost_ > largest_)
            return largest_;
        for (const std::size_t hint : hints_) {
            if (hint > passed_ && hint < lost_)
                return hint;
        }
        return passed_ + (lost_ - passed_) / 2;
    }

    void tried(std::size_t number, bool got_through) { (got_through ? passed_ : lost_) = number; }

    /// Returns the largest number that got through. It is `smallest` - 1 if none did.
    [[nodiscard]] std::size_t limit() const { return passed_; }

  private:
    std::size_t passed_, lost_;
    std::size_t largest_;
    std::span<const std::size_t> hints_;
};

} // namespace aoetarget::initiator
