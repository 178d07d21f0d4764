// Asks the kernel for the state of an interface by rtnetlink, and for its offloads by ethtool.
#include "net/interface.hpp"

#include "net/netlink.hpp"
#include "protocol/aoe.hpp"
#include "ring/file_descriptor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include <fnmatch.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace aoetarget::net {

namespace {

// With its zero (linux/if.h, which does not go together with net/if.h).
constexpr std::size_t longest_other_name = 128;
// Without the counters of the interface.
constexpr std::uint32_t without_statistics = RTEXT_FILTER_SKIP_STATS;

/// Any socket can query offloads. Closing one of AF_PACKET takes the kernel some 15 ms, so it is used only
/// if no other kind is allowed.
ring::FileDescriptor open_any_socket() {
    ring::FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return socket.get() >= 0 ? std::move(socket)
                             : ring::FileDescriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

NetlinkRequest question(int index, std::uint16_t flags = 0) {
    ifinfomsg about{};
    about.ifi_index = index;
    NetlinkRequest request(RTM_GETLINK, flags);
    request.header(about).attribute(IFLA_EXT_MASK, without_statistics);
    return request;
}

std::optional<InterfaceState> ask_one(NetlinkRequest request) {
    std::optional<InterfaceState> found;
    const int error = request.ask([&](const NetlinkMessage& message) { found = read_interface(message); });
    if (error != 0 && error != ENODEV && error != EINVAL && error != ERANGE) // no name of an interface
        throw std::system_error(error, std::generic_category(), "cannot ask for network interfaces");
    return found;
}

/// A VRF chooses among routes, and leaves frames to its ports.
void find_master(InterfaceState& interface) {
    if (interface.master == 0)
        return;
    const auto master = ask_one(question(interface.master));
    if (master && master->kind != "vrf")
        interface.port_of = master->name;
}

} // namespace

bool is_pattern(const std::string& name) {
    return name.find_first_of("*?") != std::string::npos;
}

bool InterfaceState::matches(const std::string& pattern) const {
    return std::ranges::any_of(names(), [&](const std::string& each) {
        return fnmatch(pattern.c_str(), each.c_str(), FNM_NOESCAPE) == 0;
    });
}

std::vector<std::string> InterfaceState::names() const {
    std::vector<std::string> all = other_names;
    all.insert(all.begin(), name);
    return all;
}

bool InterfaceState::has_name(const std::string& wanted) const {
    return name == wanted || std::ranges::find(other_names, wanted) != other_names.end();
}

std::optional<InterfaceState> read_interface(const NetlinkMessage& message) {
    const bool tells = message.type == RTM_NEWLINK || message.type == RTM_DELLINK;
    if (!tells || message.body.size() < sizeof(ifinfomsg))
        return std::nullopt;
    ifinfomsg about{};
    std::memcpy(&about, message.body.data(), sizeof about);
    InterfaceState state;
    state.index = about.ifi_index;
    state.loopback = about.ifi_type == ARPHRD_LOOPBACK;
    state.ethernet = about.ifi_type == ARPHRD_ETHER || state.loopback;
    state.up = (about.ifi_flags & IFF_UP) != 0;
    state.carrier = state.up && (about.ifi_flags & IFF_RUNNING) != 0;
    for_each_attribute(message.body.subspan(NLMSG_ALIGN(sizeof about)),
                       [&](const NetlinkAttribute& attribute) {
                           switch (attribute.type) {
                           case IFLA_IFNAME:
                               state.name = attribute.text();
                               break;
                           case IFLA_MTU:
                               state.mtu = attribute.as<std::uint32_t>();
                               break;
                           case IFLA_ADDRESS:
                               state.mac.bytes = attribute.as<decltype(state.mac.bytes)>();
                               break;
                           case IFLA_MASTER:
                               state.master = attribute.as<int>();
                               break;
                           case IFLA_LINK:
                               state.lower = attribute.as<int>();
                               break;
                           case IFLA_LINKINFO:
                               for_each_attribute(attribute.value, [&](const NetlinkAttribute& info) {
                                   if (info.type == IFLA_INFO_KIND)
                                       state.kind = info.text();
                               });
                               break;
                           case IFLA_PROP_LIST:
                               for_each_attribute(attribute.value, [&](const NetlinkAttribute& property) {
                                   if (property.type == IFLA_ALT_IFNAME)
                                       state.other_names.push_back(property.text());
                               });
                               break;
                           default:
                               break;
                           }
                       });
    return state;
}

std::optional<InterfaceState> query_interface(const std::string& name) {
    if (name.empty() || name.size() >= longest_other_name)
        return std::nullopt;
    auto found = ask_one(question(0).attribute(IFLA_ALT_IFNAME, name));
    if (found)
        find_master(*found);
    return found;
}

InterfaceState query_servable_interface(const std::string& name) {
    const auto refuse = [&](int error, const std::string& why) {
        throw std::system_error(error, std::generic_category(), fmt::format("interface {}: {}", name, why));
    };
    auto interface = query_interface(name);
    if (!interface)
        refuse(ENODEV, "there is no such interface here; 'ip link' lists them");
    if (!interface->ethernet)
        refuse(EAFNOSUPPORT, "it is not an Ethernet interface");
    if (interface->mtu < protocol::min_mtu)
        refuse(EMSGSIZE, fmt::format("its MTU of {} cannot carry a sector; it must be at least {}",
                                     interface->mtu, protocol::min_mtu));
    return *interface;
}

std::optional<InterfaceState> query_interface(int index) {
    auto found = ask_one(question(index));
    if (found)
        find_master(*found);
    return found;
}

std::vector<InterfaceState> query_interfaces() {
    std::vector<InterfaceState> all;
    question(0, NLM_F_DUMP).ask([&](const NetlinkMessage& message) {
        if (auto state = read_interface(message))
            all.push_back(std::move(*state));
    });
    for (InterfaceState& state : all)
        find_master(state);
    return all;
}

bool is_made_of_others(const InterfaceState& interface) {
    // veth, and netkit, tell of their far end as if it were below.
    constexpr std::array<std::string_view, 2> pairs{"veth", "netkit"};
    constexpr std::array<std::string_view, 6> assemblies{"bond",        "bridge", "hsr",
                                                         "openvswitch", "team",   "batadv"};
    if (std::ranges::find(assemblies, interface.kind) != assemblies.end())
        return true;
    // The interface below may have the same index, in a network namespace of its own.
    if (interface.lower != 0 && std::ranges::find(pairs, interface.kind) == pairs.end())
        return true;
    bool has_ports = false;
    question(0, NLM_F_DUMP)
        .attribute(IFLA_MASTER, static_cast<std::uint32_t>(interface.index))
        .ask([&](const NetlinkMessage& message) {
            const auto port = read_interface(message); // an old kernel tells of all
            has_ports |= port && port->master == interface.index;
        });
    return has_ports;
}

Offloads query_offloads(const std::string& name) {
    Offloads offloads;
    const ring::FileDescriptor socket = open_any_socket();
    const auto ask = [&](void* question) {
        ifreq request{};
        std::memcpy(request.ifr_name, name.data(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1));
        request.ifr_data = static_cast<char*>(question);
        return ioctl(socket.get(), SIOCETHTOOL, &request) == 0;
    };
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    if (ask(&channels))
        offloads.receive_queues = std::max(1U, channels.rx_count + channels.combined_count);
    ethtool_value flags{};
    flags.cmd = ETHTOOL_GFLAGS;
    ethtool_drvinfo driver{};
    driver.cmd = ETHTOOL_GDRVINFO;
    if (ask(&flags) && ask(&driver))
        offloads.strips_vlan =
            (flags.data & ETH_FLAG_RXVLAN) != 0 && std::string_view(driver.driver) != "veth";
    return offloads;
}

} // namespace aoetarget::net
