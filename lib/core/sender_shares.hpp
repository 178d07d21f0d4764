// How many requests each sender has under way. Where several hosts send, one that floods must leave room for
// the others, on the export that it floods too (initiators.md H9): what it sends beyond its share is dropped
// at once, which costs little, so the queue in the kernel that all share is drained faster than it is filled.
// A host that is alone may have what there is. A flood with ever new source addresses is beyond this: only a
// mask list keeps that out.
#pragma once

#include "core/time.hpp"

#include <aoetarget/address.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace aoetarget::core {

class SenderShares {
  public:
    /// A sender counts as there for so long after its last request.
    static constexpr Time memory = std::chrono::seconds(1);
    /// Of `slots`, how many requests one sender may have under way: of the half that a single export may
    /// hold, a quarter is left to others.
    static constexpr std::size_t share_of(std::size_t slots) { return slots * 3 / 8; }

    void take(const MacAddress& sender, Time now) {
        const std::size_t place = place_of(sender);
        ++held_[place];
        if (place != newest_) {
            several_ = newest_ != nobody;
            newest_ = place;
            changed_ = now;
        }
    }
    void give_back(const MacAddress& sender) { --held_[place_of(sender)]; }

    /// Whether a sender that has just taken one has more than its share, and is not alone.
    [[nodiscard]] bool has_too_many(const MacAddress& sender, std::size_t slots, Time now) const {
        return held_[place_of(sender)] > share_of(slots) && several_ && now - changed_ < memory;
    }

  private:
    /// Two senders in one place, once in 256 pairs, have one share together.
    static std::size_t place_of(const MacAddress& sender) {
        std::uint32_t last = 0;
        for (std::size_t i = 2; i < sender.bytes.size(); ++i)
            last = last << 8 | sender.bytes[i];
        return (last * 0x9E3779B1U) >> 24;
    }

    static constexpr std::size_t places = 256, nobody = places;

    std::array<std::uint32_t, places> held_{};
    std::size_t newest_ = nobody; ///< The place of the last request.
    Time changed_{};              ///< When it was another one's the last time.
    bool several_ = false;
};

} // namespace aoetarget::core
