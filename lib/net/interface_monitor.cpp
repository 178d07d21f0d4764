// Reads the messages about interfaces.
#include "net/interface_monitor.hpp"

#include "net/netlink.hpp"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

namespace aoetarget::net {
namespace {

bool tells_of_move(const NetlinkMessage& message) {
    bool moved = false;
    for_each_attribute(message.body.subspan(NLMSG_ALIGN(sizeof(ifinfomsg))),
                       [&](const NetlinkAttribute& attribute) {
                           if (attribute.type != IFLA_EVENT)
                               return;
                           const auto event = attribute.as<std::uint32_t>();
                           moved = event == IFLA_EVENT_NOTIFY_PEERS || event == IFLA_EVENT_IGMP_RESEND ||
                                   event == IFLA_EVENT_BONDING_FAILOVER;
                       });
    return moved;
}

/// Returns the index of the interface that has got or lost a queueing discipline, or 0 if the message is
/// about something else.
int interface_of_qdisc(const NetlinkMessage& message) {
    tcmsg about{};
    if ((message.type != RTM_NEWQDISC && message.type != RTM_DELQDISC) || message.body.size() < sizeof about)
        return 0;
    std::memcpy(&about, message.body.data(), sizeof about);
    return about.tcm_ifindex;
}

} // namespace

std::vector<InterfaceNews> read_news(ConstBytes datagram) {
    std::vector<InterfaceNews> news;
    for_each_message(datagram, [&](const NetlinkMessage& message) {
        if (auto interface = read_interface(message))
            news.push_back({.interface = std::move(*interface), .moved = tells_of_move(message)});
        else if (const int index = interface_of_qdisc(message); index != 0)
            news.push_back({.interface = {.index = index}});
    });
    return news;
}

InterfaceMonitor::InterfaceMonitor(ring::Ring& ring, std::function<void(const InterfaceNews&)> changed)
    : changed_(std::move(changed)), listener_(ring, NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_TC,
                                              [this](ConstBytes datagram) { heard(datagram); }) {}

void InterfaceMonitor::heard(ConstBytes datagram) const {
    if (datagram.empty())
        changed_({.moved = true}); // perhaps: that was told once, and the interface itself does not show it
    for (const InterfaceNews& news : read_news(datagram))
        changed_(news);
}

} // namespace aoetarget::net
