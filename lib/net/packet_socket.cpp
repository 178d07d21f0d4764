// Opens, binds and filters the socket, and sets its receive buffer.
#include "net/packet_socket.hpp"

#include "core/frame_pool.hpp"
#include "net/address_filter.hpp"
#include "protocol/aoe.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

namespace aoetarget::net {
namespace {

// Estimates the bytes with which the kernel charges a received frame (README.md, "The receive buffer").
constexpr unsigned charge_of(unsigned mtu) {
    return mtu <= 1500 ? 2304 : mtu + 4096;
}

/// The header before frames with PACKET_VNET_HDR: struct virtio_net_hdr, whose header file is not for C++.
struct VirtioHeader {
    std::uint8_t flags = 0, segmentation = 0;
    std::uint16_t header_bytes = 0;
    std::uint16_t unused[3]{}; ///< For checksums and segments.
};
static_assert(sizeof(VirtioHeader) == 10);

[[noreturn]] void fail(const std::string& interface, const char* what) {
    const int error = errno;
    const char* cure = "";
    if (error == EPERM || error == EACCES)
        cure = "; raw frames need the capability CAP_NET_RAW: run as root, or 'setcap "
               "cap_net_raw,cap_net_admin+ep' the program";
    throw std::system_error(error, std::generic_category(),
                            fmt::format("interface {}: {}{}", interface, what, cure));
}

template <typename T>
bool set_option(int fd, int level, int option, const T& value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/// Without CAP_NET_ADMIN, net.core.rmem_max and wmem_max bound the size.
void size_buffer(int fd, int forced_option, int option) {
    constexpr int bytes = wanted_buffer_bytes;
    if (!set_option(fd, SOL_SOCKET, forced_option, bytes))
        set_option(fd, SOL_SOCKET, option, bytes);
}

} // namespace

ring::FileDescriptor open_packet_socket(const std::string& interface) {
    ring::FileDescriptor fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() < 0)
        fail(interface, "cannot open a packet socket");
    return fd;
}

void bind_packet_socket(int fd, const std::string& interface, int index, std::uint16_t ethertype) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ethertype);
    address.sll_ifindex = index;
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
        fail(interface, "cannot bind a packet socket");
}

unsigned size_receive_buffer(int fd) {
    size_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
    unsigned bytes = 0;
    socklen_t size = sizeof bytes;
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size);
    return bytes;
}

unsigned frames_in(unsigned buffer_bytes, unsigned mtu) {
    return buffer_bytes / charge_of(mtu);
}

PacketSocket::PacketSocket(const std::string& name, const InterfaceState& interface,
                           std::span<const Address> addresses, bool stamped)
    : hears_answers_(!interface.loopback), fd_(open_packet_socket(name)),
      sender_fd_(open_packet_socket(name)), large_sender_fd_(open_packet_socket(name)) {
    set_addresses(addresses);
    set_option(fd(), SOL_PACKET, PACKET_IGNORE_OUTGOING, 1); // an optimisation; nothing depends on it
    if (stamped)
        stamp(true);
    receive_buffer_bytes_ = size_receive_buffer(fd());
    if (!set_option(large_sender_fd(), SOL_PACKET, PACKET_VNET_HDR, 1))
        fail(name, "cannot set a packet socket up");
    for (const int sender : {sender_fd(), large_sender_fd()}) {
        size_buffer(sender, SO_SNDBUFFORCE, SO_SNDBUF);
        bind_packet_socket(sender, name, interface.index, 0);
    }
    bind_packet_socket(fd(), name, interface.index, protocol::ethertype_aoe);
}

bool PacketSocket::is_large(ConstBytes frame) {
    return frame.size() > core::FramePool::Layout::page_bytes;
}

ConstBytes PacketSocket::with_hint(Bytes frame) {
    const VirtioHeader hint{.header_bytes = protocol::ata_header_bytes};
    std::byte* const start = frame.data() - sizeof hint;
    std::memcpy(start, &hint, sizeof hint);
    return {start, frame.size() + sizeof hint};
}

void PacketSocket::bypass_qdisc(bool wanted) const {
    for (const int sender : {sender_fd(), large_sender_fd()})
        set_option(sender, SOL_PACKET, PACKET_QDISC_BYPASS, static_cast<int>(wanted));
}

void PacketSocket::set_addresses(std::span<const Address> addresses) const {
    // The kernel has little room for filters (net.core.optmem_max), and needs it for the old one and the new
    // one at once. A short filter always fits. When it has taken the place of the old one, a longer one may
    // fit too.
    for (const FilterDetail detail :
         {FilterDetail::exports, FilterDetail::shelves, FilterDetail::all_requests}) {
        const std::vector<sock_filter> program = make_address_filter(addresses, detail, hears_answers_);
        if (attach(program))
            return;
        if (errno != ENOMEM || !attach(make_address_filter({}, FilterDetail::all_requests)))
            break;
        if (attach(program))
            return;
    }
    throw std::system_error(errno, std::generic_category(), "cannot attach a socket filter");
}

bool PacketSocket::attach(const std::vector<sock_filter>& program) const {
    const sock_fprog filter{static_cast<unsigned short>(program.size()),
                            const_cast<sock_filter*>(program.data())}; // the kernel only reads it
    return set_option(fd(), SOL_SOCKET, SO_ATTACH_FILTER, filter);
}

void PacketSocket::stamp(bool wanted) const {
    set_option(fd(), SOL_SOCKET, SO_TIMESTAMPNS, static_cast<int>(wanted));
}

bool PacketSocket::is_bound_to(int interface_index) const {
    sockaddr_ll address{};
    socklen_t size = sizeof address;
    return getsockname(fd(), reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
           address.sll_ifindex == interface_index;
}

bool PacketSocket::has_frames() const {
    int length_of_first = 0;
    return ioctl(fd(), SIOCINQ, &length_of_first) == 0 && length_of_first > 0;
}

unsigned PacketSocket::take_drops() const {
    tpacket_stats stats{};
    socklen_t size = sizeof stats;
    if (!is_open() || getsockopt(fd(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) < 0)
        return 0;
    return stats.tp_drops;
}

} // namespace aoetarget::net
