// Decides which memory fits a link, and replaces it.
#include "net/link_memory.hpp"

#include <system_error>

namespace aoetarget::net {

LinkMemory::~LinkMemory() {
    if (memory_ != nullptr)
        memory_->retire();
}

core::FramePool::Layout LinkMemory::wanted_layout() const {
    return frame_layout(link_.interface.mtu, link_.addresses.size(),
                        link_.kind == LinkKind::xdp ? sector_bytes : memories_.payload_alignment());
}

bool LinkMemory::fits(bool has_lane) const {
    if (memory_ == nullptr || memory_->pool().frame_capacity() < wanted_layout().frame_bytes)
        return false;
    // A lane may be asked for when the link has memory already, with the alignment that devices like.
    const bool suits_lane = link_.kind != LinkKind::xdp ||
                            memory_->layout().payload_alignment <= wanted_layout().payload_alignment;
    return has_lane || (!memory_->had_lane() && suits_lane);
}

bool LinkMemory::replace() {
    FrameMemory* fresh = nullptr;
    try {
        fresh = &memories_.add(wanted_layout());
    } catch (const std::system_error&) {
        if (memory_ == nullptr)
            throw;
        return false;
    }
    if (memory_ != nullptr)
        memory_->retire();
    memory_ = fresh;
    memory_->pool().set_buffer_count(link_.buffer_count);
    return true;
}

void LinkMemory::set_aside(std::size_t buffers, std::size_t in_lane) {
    memory_->pool().set_aside(most_lent(buffers, memory_->pool().slots()) + in_lane);
}

} // namespace aoetarget::net
