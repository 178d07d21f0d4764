// The limits of the kernel, and the choices within them.
#include "net/lane_layout.hpp"

#include "net/lane_rules.hpp"
#include "net/refusal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace aoetarget::net {
namespace {

// The sizes that the kernel permits for a chunk, and the space that it keeps free before a frame.
constexpr std::size_t smallest_chunk = 2048, largest_chunk = 4096;
constexpr std::size_t kernel_headroom = 256;
// The number of slots that are lent for receiving. They are used in turns, so more would be colder in the
// processor's caches; but there should be room for the second number of the longest frames.
constexpr std::uint32_t receive_slots = 256, receive_frames = 128;
// With room for fewer frames than this, packet sockets are the better choice.
constexpr std::uint32_t least_receive_frames = 32;

} // namespace

std::size_t lane_chunk_bytes(const core::FramePool::Layout& layout) {
    return std::min(layout.slot_bytes(), largest_chunk);
}

std::uint32_t lane_parts(const core::FramePool::Layout& layout) {
    const std::size_t part = lane_chunk_bytes(layout) - layout.frame_offset();
    return static_cast<std::uint32_t>((layout.slot_bytes() - layout.frame_offset() + part - 1) / part);
}

std::uint32_t lane_slots(const core::FramePool::Layout& layout) {
    return std::min(std::max(receive_slots, receive_frames * lane_parts(layout)), layout.slots * 3 / 8);
}

/// The later parts of a frame begin at the offset of the first, too, so a chunk has to be larger than that.
void check_lane_layout(const core::FramePool::Layout& layout) {
    const bool suits = layout.frame_offset() >= kernel_headroom && layout.slot_bytes() >= smallest_chunk &&
                       layout.frame_offset() <= lane_chunk_bytes(layout) / 2;
    if (!suits)
        throw misaligned_refusal();
}

void check_lane_room(const core::FramePool::Layout& layout) {
    const std::uint32_t frames = lane_slots(layout) / lane_parts(layout);
    if (frames < least_receive_frames)
        throw Refusal(EMSGSIZE, fmt::format("frames at this MTU come in parts, and XDP has room for only {} "
                                            "frames (link=xdp uses it nevertheless)",
                                            frames));
}

} // namespace aoetarget::net
