// Asks for the chains of nftables, and reads the messages about them.
#include "net/netfilter_monitor.hpp"

#include "net/netlink.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

namespace aoetarget::net {
namespace {

// Newer than the headers of Linux 6.1.
constexpr std::uint16_t device_prefix = 2; // NFTA_DEVICE_PREFIX
// NF_NETDEV_INGRESS, in a type of its own.
constexpr std::uint32_t netdev_ingress = 0;

constexpr std::uint16_t type_of(nf_tables_msg_types message) {
    return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message);
}

} // namespace

NetfilterMonitor::NetfilterMonitor(ring::Ring& ring, std::function<void()> changed)
    : changed_(std::move(changed)) {
    try {
        listener_.emplace(ring, NETLINK_NETFILTER, 1U << (NFNLGRP_NFTABLES - 1),
                          [this](ConstBytes datagram) { heard(datagram); });
        query();
    } catch (const std::system_error&) { // no right to listen, or a kernel without nftables
    }
}

NetfilterMonitor::NetfilterMonitor() {
    try {
        query();
    } catch (const std::system_error&) { // a kernel without nftables
    }
}

void NetfilterMonitor::stop() {
    if (listener_)
        listener_->stop();
}

/// Takes the present chains. Returns false if the process may not ask.
bool NetfilterMonitor::query() {
    std::vector<Hook> hooks;
    NetlinkRequest request(type_of(NFT_MSG_GETCHAIN), NLM_F_DUMP, NETLINK_NETFILTER);
    request.header(nfgenmsg{.nfgen_family = NFPROTO_NETDEV, .version = NFNETLINK_V0, .res_id = 0});
    if (request.ask([&](const NetlinkMessage& message) { read_hooks(message, hooks); }) != 0)
        return false;
    hooks_ = std::move(hooks);
    return true;
}

void NetfilterMonitor::heard(ConstBytes datagram) {
    const std::vector<Hook> before = hooks_;
    std::vector<Hook> added;
    bool concerns_chains = datagram.empty(); // messages were lost
    for_each_message(datagram, [&](const NetlinkMessage& message) {
        concerns_chains |= message.type == type_of(NFT_MSG_NEWCHAIN) ||
                           message.type == type_of(NFT_MSG_DELCHAIN) ||
                           message.type == type_of(NFT_MSG_DELTABLE);
        read_hooks(message, added);
    });
    if (!concerns_chains)
        return; // rules come and go by the thousand
    bool asked = false;
    try {
        asked = query();
    } catch (const std::system_error&) { // no descriptor is left
    }
    if (!asked)
        std::ranges::copy_if(added, std::back_inserter(hooks_), [&](const Hook& hook) {
            return std::ranges::find(hooks_, hook) == hooks_.end();
        });
    if (hooks_ != before)
        changed_();
}

/// Adds the hooks of a chain. A chain with none sees no frames of a single interface.
void NetfilterMonitor::read_hooks(const NetlinkMessage& message, std::vector<Hook>& hooks) {
    if (message.type != type_of(NFT_MSG_NEWCHAIN) || message.body.size() < sizeof(nfgenmsg))
        return;
    nfgenmsg about{};
    std::memcpy(&about, message.body.data(), sizeof about);
    if (about.nfgen_family != NFPROTO_NETDEV) // those of inet see IP only
        return;
    for_each_attribute(message.body.subspan(sizeof about), [&](const NetlinkAttribute& attribute) {
        if (attribute.type != NFTA_CHAIN_HOOK)
            return;
        bool is_ingress = false;
        for_each_attribute(attribute.value, [&](const NetlinkAttribute& part) {
            const auto add = [&](const NetlinkAttribute& name) {
                hooks.push_back(
                    {name.text(), name.type == device_prefix && part.type == NFTA_HOOK_DEVS, is_ingress});
            };
            if (part.type == NFTA_HOOK_HOOKNUM) // comes first
                is_ingress = ntohl(part.as<std::uint32_t>()) == netdev_ingress;
            else if (part.type == NFTA_HOOK_DEV && part.value.size() > 0)
                add(part);
            else if (part.type == NFTA_HOOK_DEVS)
                for_each_attribute(part.value, add);
        });
    });
}

bool NetfilterMonitor::has(const std::string& interface, bool ingress) const {
    return std::ranges::any_of(hooks_, [&](const Hook& hook) {
        return hook.is_ingress == ingress &&
               (hook.is_prefix ? interface.starts_with(hook.interface) : interface == hook.interface);
    });
}

} // namespace aoetarget::net
