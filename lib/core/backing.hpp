// The device of an export with its properties. Another device may take its place while it has no operation.
#pragma once

#include "core/blocks.hpp"

#include <aoetarget/block_device.hpp>

#include <memory>

namespace aoetarget::core {

struct Backing {
    Backing(std::unique_ptr<BlockDevice> its_device, const Geometry& its_geometry)
        : geometry(its_geometry), blocks{its_geometry.logical_block_bytes / sector_bytes},
          device(std::move(its_device)) {}

    Geometry geometry;
    Blocks blocks; ///< The logical blocks that `geometry` tells.
    std::unique_ptr<BlockDevice> device;
};

} // namespace aoetarget::core
