// The limits of a geometry that can be served.
#pragma once

#include <aoetarget/block_device.hpp>

#include <bit>

namespace aoetarget {

constexpr std::uint32_t max_logical_block_bytes = 65536;
constexpr std::uint32_t max_physical_block_bytes = 1U << 24;
constexpr std::uint32_t max_memory_alignment = 4096;

/// Returns whether the numbers keep the limits that block_device.hpp tells.
constexpr bool is_possible(const Geometry& geometry) {
    const auto is_size = [](std::uint32_t bytes, std::uint32_t least, std::uint32_t most) {
        return std::has_single_bit(bytes) && bytes >= least && bytes <= most;
    };
    return geometry.sectors > 0 && geometry.sectors <= Geometry::max_sectors &&
           is_size(geometry.logical_block_bytes, sector_bytes, max_logical_block_bytes) &&
           is_size(geometry.physical_block_bytes, geometry.logical_block_bytes, max_physical_block_bytes) &&
           geometry.physical_offset_sectors < geometry.physical_block_bytes / sector_bytes &&
           is_size(geometry.memory_alignment, 1, max_memory_alignment) &&
           geometry.sectors % (geometry.logical_block_bytes / sector_bytes) == 0;
}

} // namespace aoetarget
