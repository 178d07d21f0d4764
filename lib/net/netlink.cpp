// The form of netlink messages, and the socket that carries a question.
#include "net/netlink.hpp"

#include "ring/file_descriptor.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <sys/socket.h>

namespace aoetarget::net {
namespace {

// The most that the kernel puts into one datagram of an answer.
constexpr std::size_t largest_datagram = 32768;

constexpr std::size_t aligned(std::size_t bytes) {
    return (bytes + NLMSG_ALIGNTO - 1) / NLMSG_ALIGNTO * NLMSG_ALIGNTO;
}

template <typename T>
T read_header(ConstBytes bytes) {
    T header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    return header;
}

ConstBytes after(ConstBytes bytes, std::size_t length) {
    return bytes.subspan(std::min(aligned(length), bytes.size()));
}

} // namespace

std::string NetlinkAttribute::text() const {
    const std::string_view all(reinterpret_cast<const char*>(value.data()), value.size());
    return std::string(all.substr(0, all.find('\0')));
}

void for_each_attribute(ConstBytes attributes, const std::function<void(const NetlinkAttribute&)>& visit) {
    while (attributes.size() >= sizeof(nlattr)) {
        const auto header = read_header<nlattr>(attributes);
        if (header.nla_len < sizeof header || header.nla_len > attributes.size())
            return;
        visit({static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK),
               attributes.first(header.nla_len).subspan(sizeof header)});
        attributes = after(attributes, header.nla_len);
    }
}

void for_each_message(ConstBytes datagram, const std::function<void(const NetlinkMessage&)>& visit) {
    while (datagram.size() >= sizeof(nlmsghdr)) {
        const auto header = read_header<nlmsghdr>(datagram);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size())
            return;
        visit({header.nlmsg_type, datagram.first(header.nlmsg_len).subspan(sizeof header)});
        datagram = after(datagram, header.nlmsg_len);
    }
}

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags, int protocol) : protocol_(protocol) {
    nlmsghdr start{};
    start.nlmsg_type = type;
    start.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header(start);
}

NetlinkRequest& NetlinkRequest::attribute(std::uint16_t type, std::uint32_t value) {
    append_attribute(type, {reinterpret_cast<const std::byte*>(&value), sizeof value});
    return *this;
}

NetlinkRequest& NetlinkRequest::attribute(std::uint16_t type, std::string_view text) {
    const std::string ended(text); // with the zero at its end
    append_attribute(type, {reinterpret_cast<const std::byte*>(ended.c_str()), ended.size() + 1});
    return *this;
}

void NetlinkRequest::append_attribute(std::uint16_t type, ConstBytes value) {
    nlattr start{};
    start.nla_type = type;
    start.nla_len = static_cast<std::uint16_t>(sizeof start + value.size());
    bytes_.insert(bytes_.end(), reinterpret_cast<const std::byte*>(&start),
                  reinterpret_cast<const std::byte*>(&start) + sizeof start);
    append(value);
}

void NetlinkRequest::append(ConstBytes bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    bytes_.resize(aligned(bytes_.size()));
}

/// With read() and write(), which a confined process has anyway.
int NetlinkRequest::ask(const std::function<void(const NetlinkMessage&)>& visit) {
    const auto length = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
    const ring::FileDescriptor socket(
        ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol_));
    if (!socket.valid() || ::write(socket.get(), bytes_.data(), bytes_.size()) < 0)
        throw std::system_error(errno, std::generic_category(), "cannot ask for network interfaces");

    const bool has_parts = (read_header<nlmsghdr>(bytes_).nlmsg_flags & NLM_F_DUMP) != 0;
    std::vector<std::byte> datagram(largest_datagram);
    for (bool more = true; more;) {
        const ssize_t received = ::read(socket.get(), datagram.data(), datagram.size());
        if (received < 0)
            return errno; // EAGAIN too: the kernel says nothing more
        int error = 0;
        more = has_parts;
        for_each_message(ConstBytes(datagram).first(static_cast<std::size_t>(received)),
                         [&](const NetlinkMessage& message) {
                             if (message.type == NLMSG_ERROR && message.body.size() >= sizeof(nlmsgerr))
                                 error = -read_header<nlmsgerr>(message.body).error;
                             else if (message.type == NLMSG_DONE)
                                 more = false;
                             else
                                 visit(message);
                         });
        if (error != 0)
            return error;
    }
    return 0;
}

} // namespace aoetarget::net
