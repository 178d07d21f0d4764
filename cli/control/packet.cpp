// sendmsg(2) and recvmsg(2) with SCM_RIGHTS: unix(7).
#include "control/packet.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace cli {
namespace {

struct Control {
    alignas(cmsghdr) std::array<unsigned char, CMSG_SPACE(max_packet_descriptors * sizeof(int))> bytes{};
};

void put_descriptors(msghdr& message, Control& control, std::span<const int> descriptors) {
    if (descriptors.empty())
        return;
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
}

std::vector<Descriptor> take_descriptors(msghdr& message) {
    std::vector<Descriptor> descriptors;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        std::vector<int> numbers((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        std::memcpy(numbers.data(), CMSG_DATA(header), numbers.size() * sizeof(int));
        for (const int number : numbers)
            descriptors.emplace_back(number);
    }
    return descriptors;
}

} // namespace

bool send_packet(int socket, std::string_view text, std::span<const int> descriptors) {
    if (descriptors.size() > max_packet_descriptors) {
        errno = E2BIG;
        return false;
    }
    iovec data{const_cast<char*>(text.data()), text.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    Control control;
    put_descriptors(message, control, descriptors);
    ssize_t sent = 0;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

Received receive_packet(int socket, Packet& packet, int flags) {
    iovec data{packet.text.data(), packet.text.size()};
    Control control;
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    ssize_t got = 0;
    do
        got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? Received::nothing : Received::end;
    packet.descriptors = take_descriptors(message);
    packet.text.resize(static_cast<std::size_t>(got));
    if ((message.msg_flags & MSG_CTRUNC) != 0) { // a limit of open files
        packet.descriptors.clear();
        return Received::too_many;
    }
    if ((message.msg_flags & MSG_TRUNC) != 0)
        return Received::too_long;
    return got == 0 ? Received::end : Received::packet;
}

} // namespace cli
