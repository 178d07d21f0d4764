// The interface between the core and a network interface.
#pragma once

#include "core/frame_pool.hpp"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>
#include <vector>

namespace aoetarget::core {

class Link {
  public:
    /// Returns the name that its interface has now, or had last.
    [[nodiscard]] virtual const std::string& name() const = 0;
    /// Returns all names that it has now, alternative ones too.
    [[nodiscard]] virtual std::vector<std::string> names() const = 0;
    [[nodiscard]] virtual MacAddress mac() const = 0;
    /// Returns the largest payload of a frame now, in bytes.
    [[nodiscard]] virtual unsigned mtu() const = 0;
    [[nodiscard]] virtual bool up() const = 0;
    /// Returns how many requests of one initiator its receive buffer can hold.
    [[nodiscard]] virtual unsigned max_buffers() const = 0;
    /// Returns the pool for frames that the core sends unasked.
    [[nodiscard]] virtual FramePool& pool() = 0;
    /// Takes the slot and sends the frame in it. The slot becomes free when that is done or has failed.
    virtual void send(FrameSlot slot) = 0;

    /// Returns the length of the longest frame that may be sent, Ethernet header included.
    [[nodiscard]] std::size_t max_frame() const {
        return std::min<std::size_t>(mtu() + protocol::ethernet_header_bytes, max_slot_frame_);
    }
    /// Returns the sectors per frame that Query Config advertises on this link, 0 if it cannot carry a
    /// sector.
    [[nodiscard]] unsigned sectors_per_frame() const {
        const auto slot_mtu = static_cast<unsigned>(max_slot_frame_ - protocol::ethernet_header_bytes);
        return protocol::advertised_sectors(max_sectors_, std::min(mtu(), slot_mtu));
    }

    /// Returns the time between regular advertisements, 0 for none.
    [[nodiscard]] Time advertise_interval() const { return advertise_interval_; }

  protected:
    ~Link() = default;
    /// The slots bound frames too, because an MTU may be raised after the start.
    std::size_t max_slot_frame_ = 0;
    /// Returns the option for the largest number to advertise; 0 leaves it to aligned_sectors().
    unsigned max_sectors_ = 0;
    Time advertise_interval_{};
};

/// Identifies a link as long as requests that came through it are under way, which may be longer than the
/// link lives. No other link ever has the same id.
using LinkId = std::uint64_t;

/// The links of a target. When a link is gone, another one with a new id may use its place in the table.
class LinkTable {
  public:
    /// `slots` is the number of requests that the link can bring at once.
    LinkId add(Link& link, std::size_t slots) {
        auto place = std::ranges::find(places_, nullptr, &Place::link);
        if (place == places_.end())
            place = places_.insert(place, Place{});
        const auto index = static_cast<LinkId>(place - places_.begin());
        assert(index <= index_mask);
        *place = {&link, slots, added_++ << index_bits | index};
        return place->id;
    }
    /// Removes the link, and returns the number of requests that it could bring.
    std::size_t remove(LinkId id) {
        Place& place = places_[id & index_mask];
        if (place.id != id)
            return 0;
        place.link = nullptr;
        return std::exchange(place.slots, 0);
    }
    /// Returns null if the link is gone.
    [[nodiscard]] Link* find(LinkId id) const {
        const Place& place = places_[id & index_mask];
        return place.id == id ? place.link : nullptr;
    }
    /// Calls `visit(id)` for each present link.
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

    std::vector<Place> places_; ///< Indexed by the lower bits of the id.
    LinkId added_ = 0;          ///< The number of links added so far.
};

} // namespace aoetarget::core
