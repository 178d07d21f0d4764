#include "net/frame_memory.hpp"

#include <algorithm>
#include <cassert>

namespace aoetarget::net {
namespace {

// How much memory one interface may take for frames: at an MTU of 1500 the upper bound of slots decides, on
// lo with its 64 KiB the budget. At the most there are 1,024 for requests, and what is lent for receiving, with
// an XDP lane and beside it.
constexpr std::size_t memory_budget = 16 << 20;
constexpr std::size_t min_slots = 128, max_slots = 1024 + 256 + 64;
constexpr std::uint16_t max_receive_buffers = 256;

} // namespace

FrameMemory::FrameMemory(ring::Ring& ring, std::uint16_t id, const core::FramePool::Layout& layout)
    : ring_(ring), layout_(layout), memory_(layout.region_bytes()), pool_(memory_.bytes(), layout, id),
      buffers_(ring, id, max_receive_buffers), is_lent_(pool_.slots()) {
    ring_.register_buffer(memory_.bytes());
}

FrameMemory::~FrameMemory() {
    ring_.unregister_buffer(memory_.bytes());
}

std::size_t FrameMemory::most_lent(std::size_t most) const {
    return std::min({most, std::size_t{max_receive_buffers}, std::size_t{pool_.slots() / 4}});
}

bool FrameMemory::lend(std::size_t most) {
    bool added = false;
    const std::size_t wanted = most_lent(most);
    while (lent_ < wanted) {
        auto slot = pool_.take();
        if (!slot)
            break;
        const std::uint32_t index = lend_out(std::move(*slot));
        const Bytes frame = pool_.slot(index);
        buffers_.add({frame.data() - header_bytes_, frame.size() + header_bytes_},
                     static_cast<std::uint16_t>(index));
        ++lent_;
        added = true;
    }
    if (added)
        buffers_.publish();
    return lent_ > 0;
}

core::FrameSlot FrameMemory::received(std::uint16_t slot, std::size_t length) {
    --lent_;
    return take_back(slot, length);
}

void FrameMemory::set_header(std::size_t bytes) {
    if (bytes != header_bytes_)
        buffers_.extend_front(static_cast<std::ptrdiff_t>(bytes) -
                              static_cast<std::ptrdiff_t>(header_bytes_));
    header_bytes_ = bytes;
}

std::uint32_t FrameMemory::lend_out(core::FrameSlot slot) {
    const std::uint32_t index = std::move(slot).release();
    is_lent_[index] = true;
    return index;
}

core::FrameSlot FrameMemory::take_back(std::uint32_t slot, std::size_t length) {
    assert(slot < is_lent_.size() && is_lent_[slot]);
    is_lent_[slot] = false;
    return pool_.adopt(slot, std::min(length, pool_.frame_capacity()));
}

void FrameMemory::retire() {
    retired_ = true;
    for (std::uint32_t i = 0; i < is_lent_.size(); ++i) {
        if (is_lent_[i])
            take_back(i, 0);
    }
}

core::FramePool::Layout FrameMemories::layout_for(std::size_t frame_bytes, std::size_t exports,
                                                  std::optional<std::size_t> alignment) const {
    core::FramePool::Layout layout{.frame_bytes = frame_bytes,
                                   .payload_alignment = alignment.value_or(payload_alignment_)};
    const std::size_t slots = std::clamp(memory_budget / layout.slot_bytes(), min_slots, max_slots);
    // Exports own parts of them (core/holdings.hpp).
    constexpr std::size_t for_each_export = 16;
    layout.slots = static_cast<std::uint32_t>(slots + std::min(for_each_export * exports, slots / 2));
    return layout;
}

FrameMemory& FrameMemories::add(const core::FramePool::Layout& layout) {
    const auto free = std::ranges::find_if(memories_, [](const auto& memory) { return memory == nullptr; });
    const auto id = static_cast<std::uint16_t>(free - memories_.begin());
    if (free == memories_.end())
        memories_.emplace_back();
    memories_[id] = std::make_unique<FrameMemory>(ring_, id, layout);
    return *memories_[id];
}

void FrameMemories::collect() {
    for (auto& memory : memories_) {
        if (memory != nullptr && memory->unused())
            memory.reset();
    }
}

} // namespace aoetarget::net
