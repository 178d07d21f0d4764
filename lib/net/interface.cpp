// What the kernel tells of an interface: its state by ioctl, and its offloads by ethtool.
#include "net/interface.hpp"

#include "ring/file_descriptor.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace aoetarget::net {

namespace {

/// To ask for interfaces any socket will do. To close one of AF_PACKET takes the kernel some 15 ms, so that
/// is for where no others are allowed.
ring::FileDescriptor open_any_socket() {
    ring::FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return socket.get() >= 0 ? std::move(socket)
                             : ring::FileDescriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

} // namespace

std::optional<InterfaceState> query_interface(const std::string& name) {
    if (name.empty() || name.size() >= IFNAMSIZ)
        return std::nullopt;
    const ring::FileDescriptor socket = open_any_socket();
    const int fd = socket.get();
    if (fd < 0)
        throw std::system_error(errno, std::generic_category(), "cannot ask for network interfaces");

    ifreq request{};
    std::memcpy(request.ifr_name, name.data(), name.size());
    InterfaceState state;
    if (ioctl(fd, SIOCGIFINDEX, &request) < 0)
        return std::nullopt;
    state.index = request.ifr_ifindex;
    if (ioctl(fd, SIOCGIFMTU, &request) < 0)
        return std::nullopt;
    state.mtu = static_cast<unsigned>(request.ifr_mtu);
    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
        return std::nullopt;
    state.loopback = request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
    state.ethernet = request.ifr_hwaddr.sa_family == ARPHRD_ETHER || state.loopback;
    std::memcpy(state.mac.bytes.data(), request.ifr_hwaddr.sa_data, state.mac.bytes.size());
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return std::nullopt;
    const auto flags = static_cast<unsigned>(request.ifr_flags);
    state.up = (flags & IFF_UP) != 0;
    state.carrier = state.up && (flags & IFF_RUNNING) != 0;
    return state;
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
