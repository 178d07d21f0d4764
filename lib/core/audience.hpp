// Who sees an export. Export::audience() alone says it, and these ask:
//
// - Core, of each frame: for a host that is not in the audience the export is not there.
// - Core, of each request to several exports: no copy is made for an export that the host does not see.
// - Announcer: an advertisement goes to the audience and to nobody else.
// - Core::visible_addresses(): links let in requests for exports that have an audience, through the socket
//   filter and the map of the XDP program. These know addresses only: whether the host is in it, Core asks.
#pragma once

#include "core/mac_list.hpp"

namespace aoetarget::core {

class Audience {
  public:
    static Audience nobody() { return Audience({}); }
    static Audience everybody() { return Audience(all_hosts); }
    /// These hosts, or everybody where the list is empty.
    static Audience of(const MacList& list) { return list.empty() ? everybody() : Audience(list.entries()); }

    [[nodiscard]] bool empty() const { return hosts_.empty(); }
    [[nodiscard]] bool includes(const MacAddress& host) const {
        return hosts_.data() == all_hosts.data() || std::ranges::find(hosts_, host) != hosts_.end();
    }
    /// Where to send what all of it should get: the hosts, or the broadcast address.
    [[nodiscard]] std::span<const MacAddress> destinations() const { return hosts_; }

  private:
    static constexpr std::array all_hosts{MacAddress::broadcast()};

    explicit Audience(std::span<const MacAddress> hosts) : hosts_(hosts) {}

    std::span<const MacAddress> hosts_;
};

} // namespace aoetarget::core
