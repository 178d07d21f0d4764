// What the parts of a link share: where its frames and events go, what is known of its interface, and what
// it has counted.
#pragma once

#include <aoetarget/options.hpp>

#include "core/link.hpp"
#include "net/interface.hpp"
#include "net/packet_socket.hpp"
#include "ring/ring.hpp"

#include <string>
#include <vector>

namespace aoetarget::net {

/// Where a link's frames and events go.
class LinkEvents {
  public:
    /// Returns whether anybody acted upon the frame.
    virtual bool received(core::LinkId link, core::FrameSlot slot) = 0;
    /// The interface refused this answer as too long for it.
    virtual void undeliverable(core::LinkId link, core::FrameSlot slot) = 0;
    /// Up again, or another MTU or MAC address.
    virtual void changed(core::LinkId link) = 0;

  protected:
    ~LinkEvents() = default;
};

struct LinkCounters {
    std::uint64_t rx_frames = 0, rx_dropped = 0, rx_oversized = 0, rx_starved = 0, rx_ignored = 0;
    std::uint64_t tx_frames = 0, tx_errors = 0;
};

struct LinkContext {
    const std::string name; ///< Of the interface.
    const LinkKind kind;
    ring::Ring& ring;
    LinkEvents& events;
    std::vector<Address> addresses; ///< That the link lets in, ascending.
    core::LinkId id = 0;
    bool serving = true;         ///< False: nothing is taken in any more.
    InterfaceState interface {}; ///< As InterfaceFollower last saw it.
    PacketSocket socket{};       ///< Open while the interface is there.
    mutable LinkCounters counters{};

    /// Hands over a frame that has arrived.
    void deliver(core::FrameSlot slot) {
        if (!events.received(id, std::move(slot)))
            ++counters.rx_ignored;
    }
};

} // namespace aoetarget::net
