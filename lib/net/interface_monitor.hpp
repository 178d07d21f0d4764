// Tells when a network interface has changed, and which (rtnetlink, RTMGRP_LINK and RTMGRP_TC).
#pragma once

#include "net/interface.hpp"
#include "net/netlink_listener.hpp"

#include <functional>
#include <vector>

namespace aoetarget::net {

struct InterfaceNews {
    /// As it was when the message was queued. An index of 0: news were lost, so anything may have happened.
    InterfaceState interface = {};
    /// Switches have to learn anew where the interface is: a bond sends through another port, or a virtual
    /// machine runs on another host. The kernel tells it of what lies on top of a bond, too.
    bool moved = false;

    [[nodiscard]] bool is_lost() const { return interface.index == 0; }
};

/// What a datagram of the kernel says. What is not about interfaces is left out.
std::vector<InterfaceNews> read_news(ConstBytes datagram);

class InterfaceMonitor final {
  public:
    /// Calls `changed` when any interface has come, gone or changed. Look at it again: what was true when the
    /// message was queued may not be true any more. Throws std::system_error.
    InterfaceMonitor(ring::Ring& ring, std::function<void(const InterfaceNews&)> changed);

    void stop() { listener_.stop(); }
    /// It may be destroyed only when it is.
    [[nodiscard]] bool quiet() const { return listener_.quiet(); }

  private:
    void heard(ConstBytes datagram) const;

    std::function<void(const InterfaceNews&)> changed_;
    NetlinkListener listener_;
};

} // namespace aoetarget::net
