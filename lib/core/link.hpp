// What the core needs of a network interface.
#pragma once

#include "core/frame_pool.hpp"

#include <algorithm>
#include <cassert>
#include <utility>
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
/// lives. No other link ever has the same.
using LinkId = std::uint64_t;

/// The links of a target. A place in the table is used again when its link is gone, with another id.
class LinkTable {
  public:
    /// `slots`: how many requests it can bring at once.
    LinkId add(Link& link, std::size_t slots) {
        auto place = std::ranges::find(places_, nullptr, &Place::link);
        if (place == places_.end())
            place = places_.insert(place, Place{});
        const auto index = static_cast<LinkId>(place - places_.begin());
        assert(index <= index_mask);
        *place = {&link, slots, added_++ << index_bits | index};
        return place->id;
    }
    /// Returns how many requests it could bring.
    std::size_t remove(LinkId id) {
        Place& place = places_[id & index_mask];
        if (place.id != id)
            return 0;
        place.link = nullptr;
        return std::exchange(place.slots, 0);
    }
    /// Null where the link is gone.
    [[nodiscard]] Link* find(LinkId id) const {
        const Place& place = places_[id & index_mask];
        return place.id == id ? place.link : nullptr;
    }
    /// Calls `visit(id)` for each link that is there.
    template <typename Visit>
    void for_each(Visit visit) const {
        for (const Place& place : places_) {
            if (place.link != nullptr)
                visit(place.id);
        }
    }

  private:
    static constexpr unsigned index_bits = 16;
    static constexpr LinkId index_mask = (1U << index_bits) - 1;

    struct Place {
        Link* link = nullptr;
        std::size_t slots = 0;
        LinkId id = 0;
    };

    std::vector<Place> places_; ///< By the lower bits of the id.
    LinkId added_ = 0;          ///< Links that ever were.
};

} // namespace aoetarget::core
