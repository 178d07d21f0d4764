// How the frames of a lane lie in the slots of its memory.
#pragma once

#include "core/frame_pool.hpp"

#include <cstddef>
#include <cstdint>

namespace aoetarget::net {

/// Returns the size of what the kernel calls a chunk: a slot is one, or several of the largest.
std::size_t lane_chunk_bytes(const core::FramePool::Layout& layout);

/// Returns the number of parts in which the longest frame arrives that a slot can hold, because an MTU may
/// grow that far.
std::uint32_t lane_parts(const core::FramePool::Layout& layout);

/// Returns the number of slots to lend for receiving.
std::uint32_t lane_slots(const core::FramePool::Layout& layout);

/// Throws Refusal if a lane can neither receive nor send frames with this layout.
void check_lane_layout(const core::FramePool::Layout& layout);
/// Throws Refusal if packet sockets are the better choice, because their buffer holds more frames.
void check_lane_room(const core::FramePool::Layout& layout);

} // namespace aoetarget::net
