// Waits for a netlink socket through the ring, and reads all that is there.
#include "net/netlink_listener.hpp"

#include <cerrno>
#include <system_error>

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace aoetarget::net {
namespace {

// An interface with many alternative names takes more, and then the message counts as lost.
constexpr std::size_t largest_message = 16384;

} // namespace

NetlinkListener::NetlinkListener(ring::Ring& ring, int protocol, std::uint32_t groups,
                                 std::function<void(ConstBytes)> heard)
    : RegisteredHandler(ring), heard_(std::move(heard)), message_(largest_message),
      socket_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)) {
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = groups;
    if (socket_.get() < 0 ||
        bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
        throw std::system_error(errno, std::generic_category(), "cannot watch network interfaces (netlink)");
    file_ = ring_.register_file(socket_.get());
    poll();
}

NetlinkListener::~NetlinkListener() {
    ring_.unregister_file(file_);
}

void NetlinkListener::stop() {
    stopping_ = true; // the cancellation may come just after a message
    cancel(0);
}

void NetlinkListener::poll() {
    submit(0, [&](io_uring_sqe* sqe) {
        io_uring_prep_poll_multishot(sqe, -1, POLLIN);
        file_.apply(sqe);
    });
}

void NetlinkListener::on_completion(std::uint64_t, int result, std::uint32_t flags) {
    if (result == -ECANCELED || stopping_)
        return;
    if ((flags & IORING_CQE_F_MORE) == 0)
        poll();
    read_all();
}

/// A frame that is received later than the first message must not be handled before the last one: a change of
/// the MTU brings several.
void NetlinkListener::read_all() {
    for (;;) {
        const ssize_t received = ::read(socket_.get(), message_.data(), message_.size());
        if (received < 0 && errno != ENOBUFS) // which means that messages were lost
            return;
        const bool is_whole = received >= 0 && static_cast<std::size_t>(received) < message_.size();
        heard_(is_whole ? ConstBytes(message_).first(static_cast<std::size_t>(received)) : ConstBytes());
    }
}

} // namespace aoetarget::net
