// The data that the parts of a link share: the receiver of its frames and events, the state of its interface,
// and its counters.
#pragma once

#include <aoetarget/options.hpp>

#include "core/event_log.hpp"
#include "core/link.hpp"
#include "net/interface.hpp"
#include "net/lane_rules.hpp"
#include "net/packet_socket.hpp"
#include "ring/ring.hpp"

#include <string>
#include <vector>

namespace aoetarget::net {

/// Receives a link's frames and events.
class LinkEvents {
  public:
    /// Returns whether the frame had an effect or an answer.
    virtual bool received(core::LinkId link, core::FrameSlot slot) = 0;
    /// Takes back an answer that the interface refused as too long.
    virtual void undeliverable(core::LinkId link, core::FrameSlot slot) = 0;
    /// Takes note that the link is up again, or has another MTU or MAC address.
    virtual void changed(core::LinkId link) = 0;
    /// Returns whether a link has the interface with this index.
    [[nodiscard]] virtual bool is_served(int interface_index) const = 0;
    /// Returns whether another link was asked for by name and has the interface with this index.
    [[nodiscard]] virtual bool is_served_elsewhere(core::LinkId link, int interface_index) const = 0;

  protected:
    ~LinkEvents() = default;
};

struct LinkCounters {
    std::uint64_t rx_frames = 0, rx_dropped = 0, rx_oversized = 0, rx_starved = 0, rx_ignored = 0;
    std::uint64_t tx_frames = 0, tx_errors = 0, tx_retries = 0;
};

struct LinkContext {
    std::string name; ///< The interface's name now; while there is none, the name that is waited for.
    LinkKind kind;
    unsigned buffer_count; ///< That of the options: 0 for the target's.
    QdiscUse qdisc;
    ring::Ring& ring;
    LinkEvents& events;
    core::EventLog& log;
    const NetfilterMonitor& netfilter;
    std::vector<Address> addresses; ///< The addresses that the link lets in, ascending.
    core::LinkId id = 0;
    bool serving = true;         ///< False if the link takes no more frames.
    bool comes_and_goes = false; ///< A pattern took the interface, so that nobody wonders where it is.
    InterfaceState interface {}; ///< As InterfaceFollower last saw it.
    core::Time carrier_since{};  ///< When its carrier last changed.
    PacketSocket socket{};       ///< Open while the interface is there.
    mutable LinkCounters counters{};

    /// Returns whether the rules of this machine apply to the frames that the link sends.
    [[nodiscard]] bool obeys_rules_for_sent() const {
        return net::obeys_rules_for_sent(qdisc, interface.rules);
    }
    /// Returns whether answers may leave through a lane.
    [[nodiscard]] bool may_send_through_lane() const { return interface.carrier && !obeys_rules_for_sent(); }
    /// Hands over a frame that has arrived. Those of a port are its master's, even where the kernel leaves us
    /// a copy.
    void deliver(core::FrameSlot slot) {
        if (!interface.port_of.empty() || !events.received(id, std::move(slot)))
            ++counters.rx_ignored;
    }
};

} // namespace aoetarget::net
