// Tells roughly where operations are, so that nearly every request learns at once that none is near it,
// however many there are.
#pragma once

#include <aoetarget/address.hpp>

#include <algorithm>
#include <array>
#include <cassert>

namespace aoetarget::core {

/// Counts operations in each region of each export. One table serves all exports and is small enough to stay
/// in the processor's cache, so regions far from each other share a counter now and then.
class Occupancy {
  public:
    using Export = std::uint64_t;
    /// Returns the number of one more export.
    Export add_export() { return exports_++; }

    /// Adds an operation on `range`. remove() must get the same range.
    void add(Export where, const SectorRange& range) { change(where, range, 1); }
    void remove(Export where, const SectorRange& range) { change(where, range, -1); }

    /// Returns whether an operation may overlap the range or border on it. If false, surely none does.
    [[nodiscard]] bool is_near(Export where, const SectorRange& range) const {
        const std::uint64_t first = region_of(range.first - std::min<std::uint64_t>(range.first, 1));
        const std::uint64_t last = region_of(range.end());
        if (wide_ != 0 || last - first >= max_regions)
            return true;
        for (std::uint64_t region = first; region <= last; ++region) {
            if (counts_[counter_of(where, region)] != 0)
                return true;
        }
        return false;
    }

  private:
    static constexpr unsigned region_bits = 8; // of sectors: 128 KiB, as much as a large operation
    static constexpr unsigned counter_bits = 11;
    static constexpr unsigned sector_bits = 48;
    /// An operation in more regions than this counts as near every range, on all exports.
    static constexpr std::uint64_t max_regions = 8;

    static std::uint64_t region_of(std::uint64_t sector) { return sector >> region_bits; }
    /// Spreads regions that are a power of two apart, because file systems often use such places.
    static std::size_t counter_of(Export where, std::uint64_t region) {
        return (where << (sector_bits - region_bits) ^ region) * 0x9E3779B97F4A7C15ULL >> (64 - counter_bits);
    }
    void change(Export where, const SectorRange& range, int by) {
        const std::uint64_t first = region_of(range.first);
        const std::uint64_t last = region_of(range.first + std::max<std::uint64_t>(range.count, 1) - 1);
        if (last - first >= max_regions) {
            add_to(wide_, by);
            return;
        }
        for (std::uint64_t region = first; region <= last; ++region)
            add_to(counts_[counter_of(where, region)], by);
    }
    static void add_to(std::uint32_t& count, int by) {
        assert(by > 0 || count > 0);
        count += static_cast<std::uint32_t>(by);
    }

    std::array<std::uint32_t, std::size_t{1} << counter_bits> counts_{};
    std::uint32_t wide_ = 0;
    Export exports_ = 0;
};

} // namespace aoetarget::core
