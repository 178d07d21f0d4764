// What the core needs of a network interface.
#pragma once

#include "core/frame_pool.hpp"

#include <vector>

namespace aoetarget::core {

class Link {
  public:
    [[nodiscard]] virtual MacAddress mac() const = 0;
    /// Largest payload of a frame, in bytes, as it is now.
    [[nodiscard]] virtual unsigned mtu() const = 0;
    [[nodiscard]] virtual bool up() const = 0;
    /// How many requests of one initiator its receive buffer can hold.
    [[nodiscard]] virtual unsigned max_buffers() const = 0;
    /// Where frames that the core itself begins come from.
    [[nodiscard]] virtual FramePool& pool() = 0;
    /// Takes the slot and sends the frame in it; it is freed when that is done or has failed.
    virtual void send(FrameSlot slot) = 0;

    /// The longest frame that may be sent, Ethernet header included.
    [[nodiscard]] std::size_t max_frame() const {
        return std::min<std::size_t>(mtu() + protocol::ethernet_header_bytes, max_slot_frame_);
    }
    /// What Query Config says of this link; 0 where it cannot carry a sector.
    [[nodiscard]] unsigned sectors_per_frame() const {
        const auto slot_mtu = static_cast<unsigned>(max_slot_frame_ - protocol::ethernet_header_bytes);
        const unsigned fitting = protocol::sectors_fitting(std::min(mtu(), slot_mtu));
        return max_sectors_ != 0 ? std::min(max_sectors_, fitting) : protocol::aligned_sectors(fitting);
    }

  protected:
    ~Link() = default;
    /// Frames are bounded by the slots that they lie in as well: an MTU may be raised after the start.
    std::size_t max_slot_frame_ = 0;
    /// To be advertised at most; 0 leaves it to aligned_sectors().
    unsigned max_sectors_ = 0;
};

/// Names a link for as long as requests that came through it are under way, which may be longer than the link
/// lives.
using LinkId = std::uint32_t;

/// The links of a target. An id is never used for another link.
class LinkTable {
  public:
    LinkId add(Link& link) {
        links_.push_back(&link);
        return static_cast<LinkId>(links_.size() - 1);
    }
    void remove(LinkId id) { links_[id] = nullptr; }
    /// Null where the link is gone.
    [[nodiscard]] Link* find(LinkId id) const { return links_[id]; }
    [[nodiscard]] LinkId size() const { return static_cast<LinkId>(links_.size()); }

  private:
    std::vector<Link*> links_;
};

} // namespace aoetarget::core
