// Opens and filters the socket, and moves frames.
#include "initiator/socket.hpp"

#include "net/packet_socket.hpp"
#include "protocol/aoe.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <random>
#include <system_error>

#include <linux/filter.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/socket.h>

namespace aoetarget::initiator {
namespace {

[[noreturn]] void fail_down(int error, const std::string& interface) {
    fail(error, interface, fmt::format("it is down; bring it up with 'ip link set {} up'", interface));
}

} // namespace

void fail(int error, const std::string& interface, std::string_view why) {
    throw std::system_error(error, std::generic_category(), fmt::format("interface {}: {}", interface, why));
}

std::uint32_t random_tag_base() {
    std::random_device random;
    return 0x80000000U | (static_cast<std::uint32_t>(random()) << 16 & 0x7FFF0000U);
}

Socket::Socket(const std::string& interface, std::uint32_t tag_base)
    : name_(interface), fd_(net::open_packet_socket(interface)) {
    const auto state = net::query_interface(interface);
    if (!state)
        fail(ENODEV, interface, "there is no interface of this name; 'ip -br link' lists the interfaces");
    if (!state->up)
        fail_down(ENETDOWN, interface);
    if (!state->ethernet)
        fail(EPROTONOSUPPORT, interface,
             "it is not an Ethernet interface; use one that is, for example a bridge or a VLAN");
    state_ = *state;
    filter(tag_base);
    net::bind_packet_socket(fd_.get(), interface, state->index, protocol::ethertype_aoe);
}

void Socket::send(ConstBytes frame) const {
    if (::send(fd_.get(), frame.data(), frame.size(), 0) < 0 && (errno == ENETDOWN || errno == ENXIO))
        fail_down(errno, name_);
}

ConstBytes Socket::receive(Bytes buffer) const {
    for (;;) {
        sockaddr_ll from{};
        socklen_t from_bytes = sizeof from;
        const ssize_t received = recvfrom(fd_.get(), buffer.data(), buffer.size(), 0,
                                          reinterpret_cast<sockaddr*>(&from), &from_bytes);
        if (received < 0 && (errno == ENETDOWN || errno == ENXIO))
            fail_down(errno, name_);
        if (received < 0)
            return {};
        if (from.sll_pkttype != PACKET_OTHERHOST && from.sll_pkttype != PACKET_OUTGOING)
            return buffer.first(static_cast<std::size_t>(received));
    }
}

bool Socket::wait_until(Clock::time_point deadline) const {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0)
            return false;
        pollfd socket{fd_.get(), POLLIN, 0};
        const int ready = poll(&socket, 1, static_cast<int>(left.count()));
        if (ready >= 0 || errno != EINTR)
            return ready > 0;
    }
}

void Socket::filter(std::uint32_t tag_base) const {
    constexpr unsigned at_ethertype = 12;
    std::array program{
        sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at_ethertype),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, protocol::ethertype_aoe, 0, 4),
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, protocol::tag_at),
        sock_filter BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xFFFF0000U),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, tag_base, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFFU),
        sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const sock_fprog all{static_cast<unsigned short>(program.size()), program.data()};
    if (setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all) < 0)
        fail(errno, name_, "cannot attach a socket filter");
}

} // namespace aoetarget::initiator
