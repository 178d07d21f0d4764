// Which memory fits a link, and how it is replaced.
#include "net/link_memory.hpp"

#include <system_error>

namespace aoetarget::net {

LinkMemory::~LinkMemory() {
    if (memory_ != nullptr)
        memory_->retire();
}

core::FramePool::Layout LinkMemory::wanted_layout() const {
    const std::size_t frame_bytes =
        link_.interface.mtu + protocol::ethernet_header_bytes + protocol::vlan_tag_bytes;
    return memories_.layout_for(frame_bytes, link_.addresses.size(),
                                link_.kind == LinkKind::xdp ? std::optional(sector_bytes) : std::nullopt);
}

bool LinkMemory::fits(bool has_lane) const {
    return memory_ != nullptr && (has_lane || !memory_->had_lane()) &&
           memory_->pool().frame_capacity() >= wanted_layout().frame_bytes;
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
    return true;
}

void LinkMemory::set_aside(std::size_t buffers, std::size_t in_lane) {
    memory_->pool().set_aside(memory_->most_lent(buffers) + in_lane);
}

} // namespace aoetarget::net
