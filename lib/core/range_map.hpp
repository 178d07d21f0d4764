// Tells roughly where the ranges of a list lie in the span from the first to the last, so that a trim of two
// distant ranges does not keep others off what lies between them.
#pragma once

#include "core/mutation.hpp"

#include <aoetarget/address.hpp>

#include <algorithm>
#include <cassert>

namespace aoetarget::core {

/// Divides a span into at most 64 parts of the same size, and knows which of them a range touches.
class RangeMap {
  public:
    /// Makes a map that knows of nothing but a list whose ranges may lie anywhere.
    RangeMap() = default;
    /// Makes the map of a list that has no range yet.
    explicit RangeMap(const SectorRange& span)
        : first_(span.first), part_sectors_(std::max<std::uint64_t>((span.count + parts - 1) / parts, 1)),
          touched_(0) {}

    /// `range` must not be empty, and must lie in the span.
    void add(const SectorRange& range) { touched_ |= parts_of(range.first, range.end() - 1); }

    /// Returns whether a range of the list may overlap this one, which overlaps the span. If false, surely
    /// none does.
    [[nodiscard]] bool may_overlap(const SectorRange& range) const {
        return ~touched_ == 0 || (touched_ & parts_of(std::max(range.first, first_), range.end() - 1)) != 0;
    }

  private:
    static constexpr std::uint64_t parts = 64;

    /// Returns a bit for each part from that of the first sector to that of the last. What lies beyond the
    /// span belongs to its last part.
    [[nodiscard]] std::uint64_t parts_of(std::uint64_t first, std::uint64_t last) const {
        assert(first_ <= first && first <= last);
        const std::uint64_t low = std::min((first - first_) / part_sectors_, parts - 1);
        const std::uint64_t high = std::min((last - first_) / part_sectors_, parts - 1);
        const std::uint64_t up_to_high = ~std::uint64_t{0} >> (parts - 1 - high);
        return up_to_high & (~std::uint64_t{0} << (mutated(Mutation::trim_map_late) ? high : low));
    }

    std::uint64_t first_ = 0;
    std::uint64_t part_sectors_ = 1;
    std::uint64_t touched_ = ~std::uint64_t{0};
};

} // namespace aoetarget::core
