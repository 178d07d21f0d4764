// Makes, registers, lends and retires regions of frame memory.
#include "net/frame_memory.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>

namespace aoetarget::net {
namespace {

// The memory that one interface may take for frames. At an MTU of 1500 the upper bound of slots decides, on
// lo with its 64 KiB the budget. There are at most 1,024 slots for requests, besides those that are lent for
// receiving, with an XDP lane and beside it.
constexpr std::size_t memory_budget = 16 << 20;
constexpr std::size_t min_slots = 128, max_slots = 1024 + 256 + 64;
constexpr std::uint16_t max_receive_buffers = 256;

} // namespace

FrameMemory::FrameMemory(ring::Ring& ring, std::uint16_t id, const core::FramePool::Layout& layout)
    : ring_(ring), layout_(layout), memory_(layout.region_bytes()), pool_(memory_.bytes(), layout, id),
      buffers_(std::in_place, ring, id, max_receive_buffers), lent_to_(pool_.slots()) {
    ring_.register_buffer(memory_.bytes());
}

FrameMemory::~FrameMemory() {
    ring_.unregister_buffer(memory_.bytes());
}

std::size_t most_lent(std::size_t most, std::size_t slots) {
    return std::min({most, std::size_t{max_receive_buffers}, slots / 4});
}

bool FrameMemory::lend(std::size_t most) {
    bool added = false;
    const std::size_t wanted = most_lent(most, pool_.slots());
    while (lent_ < wanted) {
        auto slot = pool_.take();
        if (!slot)
            break;
        const std::uint32_t index = std::move(*slot).release();
        lent_to_[index] = Lent::socket;
        const Bytes frame = pool_.slot(index);
        buffers_->add({frame.data() - header_bytes_, frame.size() + header_bytes_},
                      static_cast<std::uint16_t>(index));
        ++lent_;
        added = true;
    }
    if (added)
        buffers_->publish();
    return lent_ > 0;
}

core::FrameSlot FrameMemory::received(std::uint16_t slot, std::size_t length) {
    --lent_;
    return take_back(slot, length);
}

void FrameMemory::set_header(std::size_t bytes) {
    if (bytes != header_bytes_)
        buffers_->extend_front(static_cast<std::ptrdiff_t>(bytes) -
                               static_cast<std::ptrdiff_t>(header_bytes_));
    header_bytes_ = bytes;
}

std::uint32_t FrameMemory::lend_out(core::FrameSlot slot) {
    const std::uint32_t index = std::move(slot).release();
    lent_to_[index] = Lent::lane;
    ++with_lane_;
    had_lane_ = true;
    return index;
}

core::FrameSlot FrameMemory::take_back(std::uint32_t slot, std::size_t length) {
    assert(slot < lent_to_.size() && lent_to_[slot] != Lent::no);
    with_lane_ -= lent_to_[slot] == Lent::lane ? 1 : 0;
    lent_to_[slot] = Lent::no;
    return pool_.adopt(slot, std::min(length, pool_.frame_capacity()));
}

void FrameMemory::retire() {
    retired_ = true;
    for (std::uint32_t i = 0; i < lent_to_.size(); ++i) {
        if (lent_to_[i] == Lent::socket)
            take_back(i, 0);
    }
    lent_ = 0;
}

/// The ring gets other buffers, because the earlier ones are still in the old ring.
void FrameMemory::revive() {
    buffers_.reset();
    buffers_.emplace(ring_, pool_.id(), max_receive_buffers);
    header_bytes_ = 0;
    retired_ = false;
}

core::FramePool::Layout frame_layout(unsigned mtu, std::size_t exports, std::size_t alignment) {
    core::FramePool::Layout layout{.frame_bytes =
                                       mtu + protocol::ethernet_header_bytes + protocol::vlan_tag_bytes,
                                   .payload_alignment = alignment};
    const std::size_t slots = std::clamp(memory_budget / layout.slot_bytes(), min_slots, max_slots);
    // Exports own parts of them (core/holdings.hpp).
    constexpr std::size_t for_each_export = 16;
    layout.slots = static_cast<std::uint32_t>(slots + std::min(for_each_export * exports, slots / 4));
    return layout;
}

bool FrameMemories::has_room() const {
    const auto is_retired = [](const auto& memory) { return memory != nullptr && memory->retired(); };
    return static_cast<std::size_t>(std::ranges::count_if(memories_, is_retired)) < max_retired;
}

/// Chooses the memory with the most free slots.
FrameMemory& FrameMemories::revive(const core::FramePool::Layout& layout) {
    FrameMemory* best = nullptr;
    for (const auto& memory : memories_) {
        if (memory != nullptr && memory->retired() && memory->pool().frame_capacity() >= layout.frame_bytes &&
            memory->layout().payload_alignment == layout.payload_alignment &&
            (best == nullptr || memory->pool().free_slots() > best->pool().free_slots()))
            best = memory.get();
    }
    if (best == nullptr)
        throw std::system_error(
            EBUSY, std::generic_category(),
            "devices that do not answer hold all memory for frames; try again when they answer");
    best->revive();
    return *best;
}

FrameMemory& FrameMemories::add(const core::FramePool::Layout& layout) {
    if (!has_room())
        return revive(layout);
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
