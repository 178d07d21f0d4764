// Opens, binds and filters the socket, and sets its receive buffer.
#include "net/packet_socket.hpp"

#include <aoetarget/hand_over.hpp>

#include "core/frame_pool.hpp"
#include "net/address_filter.hpp"
#include "protocol/aoe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>
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

template <typename T>
T get_option(int fd, int level, int option) {
    T value{};
    socklen_t size = sizeof value;
    if (getsockopt(fd, level, option, &value, &size) < 0)
        throw std::system_error(EBADMSG, std::generic_category(), "what was handed over is no socket");
    return value;
}

/// With one of these options, what the socket receives would not be whole frames without anything else.
void check_handed_over(const ring::FileDescriptor& socket, const ring::FileDescriptor& of_this_namespace) {
    const auto refuse = [](const char* why) {
        throw std::system_error(EBADMSG, std::generic_category(),
                                fmt::format("a socket that was handed over {}", why));
    };
    const int fd = socket.get();
    if (get_option<int>(fd, SOL_SOCKET, SO_DOMAIN) != AF_PACKET ||
        get_option<int>(fd, SOL_SOCKET, SO_TYPE) != SOCK_RAW)
        refuse("is no packet socket for whole frames (AF_PACKET, SOCK_RAW)");
    if (get_option<std::uint64_t>(fd, SOL_SOCKET, SO_NETNS_COOKIE) !=
        get_option<std::uint64_t>(of_this_namespace.get(), SOL_SOCKET, SO_NETNS_COOKIE))
        refuse("belongs to another network namespace");
    if (get_option<int>(fd, SOL_SOCKET, SO_LOCK_FILTER) != 0)
        refuse("has a filter that cannot be changed (SO_LOCK_FILTER)");
    if (get_option<int>(fd, SOL_PACKET, PACKET_FANOUT) != 0)
        refuse("shares its frames with others (PACKET_FANOUT)");
    sockaddr_ll bound{};
    socklen_t size = sizeof bound;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) < 0 || bound.sll_protocol != 0)
        refuse("receives frames already; open it with the protocol 0");
    constexpr int plain_version = TPACKET_V1;
    if (!set_option(fd, SOL_PACKET, PACKET_VERSION, plain_version))
        refuse("has a ring (PACKET_RX_RING, PACKET_TX_RING)");
    for (const int option : {PACKET_VNET_HDR, PACKET_AUXDATA})
        set_option(fd, SOL_PACKET, option, 0);
    for (const int option : {SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMPING})
        set_option(fd, SOL_SOCKET, option, 0);
    int non_blocking = 1;
    if (ioctl(fd, FIONBIO, &non_blocking) < 0)
        refuse("cannot be made non-blocking");
}

/// Throws away what has arrived, and an error that waits there.
void empty(int fd) {
    msghdr nothing{};
    while (recvmsg(fd, &nothing, MSG_DONTWAIT | MSG_TRUNC) >= 0 || errno == ENETDOWN || errno == EINTR)
        continue;
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

std::shared_ptr<const PacketSockets> open_packet_sockets(const std::string& interface) {
    PacketSockets sockets{.receiver = open_packet_socket(interface),
                          .sender = open_packet_socket(interface),
                          .large_sender = open_packet_socket(interface)};
    size_receive_buffer(sockets.receiver.get());
    for (const ring::FileDescriptor* sender : {&sockets.sender, &sockets.large_sender})
        size_buffer(sender->get(), SO_SNDBUFFORCE, SO_SNDBUF);
    return std::make_shared<const PacketSockets>(std::move(sockets));
}

namespace {

using Cookies = std::set<std::uint64_t>; // by which the kernel tells sockets apart

/// The sockets that this process was handed, and still has.
struct HandedSockets {
    std::mutex mutex;
    std::vector<std::pair<Cookies, std::weak_ptr<const PacketSockets>>> all;

    /// Never destroyed, because a target may be destroyed later than any static object.
    static HandedSockets& get() {
        static HandedSockets& handed = *new HandedSockets;
        return handed;
    }
};

void note_handed(Cookies cookies, const std::shared_ptr<const PacketSockets>& sockets) {
    HandedSockets& handed = HandedSockets::get();
    const std::lock_guard lock(handed.mutex);
    std::erase_if(handed.all, [](const auto& entry) { return entry.second.expired(); });
    for (const auto& [known, owner] : handed.all) {
        if (std::ranges::any_of(known, [&](std::uint64_t cookie) { return cookies.contains(cookie); }))
            throw std::system_error(EBADMSG, std::generic_category(),
                                    "another interface has one of these sockets; open new ones for each");
    }
    handed.all.emplace_back(std::move(cookies), sockets);
}

} // namespace

std::shared_ptr<const PacketSockets> adopt_packet_sockets(std::vector<ring::FileDescriptor> sockets) {
    constexpr std::size_t most = InterfaceParts::max_sockets;
    if (sockets.empty() || sockets.size() > most)
        throw std::system_error(
            EBADMSG, std::generic_category(),
            fmt::format("an interface takes 1 to {} packet sockets, not {}", most, sockets.size()));
    const ring::FileDescriptor here(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    Cookies cookies;
    for (const ring::FileDescriptor& socket : sockets) {
        check_handed_over(socket, here);
        if (!cookies.insert(get_option<std::uint64_t>(socket.get(), SOL_SOCKET, SO_COOKIE)).second)
            throw std::system_error(EBADMSG, std::generic_category(), "one socket was handed over twice");
    }
    constexpr int bytes = wanted_buffer_bytes;
    if (get_option<int>(sockets[0].get(), SOL_SOCKET, SO_RCVBUF) < bytes)
        set_option(sockets[0].get(), SOL_SOCKET, SO_RCVBUFFORCE, bytes);
    sockets.resize(most);
    auto adopted =
        std::make_shared<const PacketSockets>(PacketSockets{.receiver = std::move(sockets[0]),
                                                            .sender = std::move(sockets[1]),
                                                            .large_sender = std::move(sockets[2])});
    note_handed(std::move(cookies), adopted);
    return adopted;
}

PacketSocket::PacketSocket(const std::string& name, const InterfaceState& interface,
                           std::span<const Address> addresses, bool stamped,
                           std::shared_ptr<const PacketSockets> sockets)
    : hears_answers_(!interface.loopback), sockets_(std::move(sockets)) {
    set_addresses(addresses);
    empty(fd());                                             // of what came through an interface that is gone
    set_option(fd(), SOL_PACKET, PACKET_IGNORE_OUTGOING, 1); // an optimisation; nothing depends on it
    stamp(stamped);
    receive_buffer_bytes_ = get_option<unsigned>(fd(), SOL_SOCKET, SO_RCVBUF);
    if (sockets_->large_sender.valid() && !set_option(large_sender_fd(), SOL_PACKET, PACKET_VNET_HDR, 1))
        fail(name, "cannot set a packet socket up");
    for (const ring::FileDescriptor* sender : {&sockets_->sender, &sockets_->large_sender}) {
        if (sender->valid())
            bind_packet_socket(sender->get(), name, interface.index, 0);
    }
    bind_packet_socket(fd(), name, interface.index, protocol::ethertype_aoe);
}

bool PacketSocket::needs_hint(ConstBytes frame) const {
    return sockets_->large_sender.valid() && frame.size() > core::FramePool::Layout::page_bytes;
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
