// The logical blocks of a device, in sectors.
#pragma once

#include <aoetarget/address.hpp>

namespace aoetarget::core {

struct Blocks {
    std::uint64_t sectors = 1; ///< Sectors in a block, a power of two.

    /// Returns the fewest blocks that hold the whole range.
    [[nodiscard]] SectorRange around(const SectorRange& range) const {
        if (sectors == 1 || range.count == 0)
            return range;
        const std::uint64_t first = before(range.first);
        return {first, after(range.end()) - first};
    }
    /// Returns the blocks that lie in the range as a whole, an empty range if there is none.
    [[nodiscard]] SectorRange within(const SectorRange& range) const {
        const std::uint64_t first = after(range.first);
        const std::uint64_t end = before(range.end());
        return first < end ? SectorRange{first, end - first} : SectorRange{};
    }

  private:
    [[nodiscard]] std::uint64_t before(std::uint64_t sector) const { return sector & ~(sectors - 1); }
    [[nodiscard]] std::uint64_t after(std::uint64_t sector) const { return before(sector + sectors - 1); }
};

} // namespace aoetarget::core
