// Knows the chains of nftables that see the frames of an interface: those of the family
// netdev, with an ingress or egress hook.
#pragma once

#include "net/netlink_listener.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace aoetarget::net {

struct NetlinkMessage;

class NetfilterMonitor {
  public:
    /// Calls `changed` when chains have come or gone. Without CAP_NET_ADMIN it knows of none. If the process
    /// gives that up later, it continues to hear of new chains, and does not know any more that they go.
    NetfilterMonitor(ring::Ring& ring, std::function<void()> changed);
    /// Asks once, and hears of no changes.
    NetfilterMonitor();

    [[nodiscard]] bool has_ingress(const std::string& interface) const { return has(interface, true); }
    [[nodiscard]] bool has_egress(const std::string& interface) const { return has(interface, false); }

    void stop();
    /// It may be destroyed only when it is.
    [[nodiscard]] bool quiet() const { return !listener_ || listener_->quiet(); }

  private:
    struct Hook {
        std::string interface;
        bool is_prefix;
        bool is_ingress;
        bool operator==(const Hook&) const = default;
    };

    void heard(ConstBytes datagram);
    bool query();
    static void read_hooks(const NetlinkMessage& message, std::vector<Hook>& hooks);
    [[nodiscard]] bool has(const std::string& interface, bool ingress) const;

    std::function<void()> changed_;
    std::vector<Hook> hooks_;
    std::optional<NetlinkListener> listener_; ///< Empty without the right to listen.
};

} // namespace aoetarget::net
