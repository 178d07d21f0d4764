// The rtnetlink socket, read through the ring.
#include "net/interface_monitor.hpp"

#include <cerrno>
#include <system_error>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace aoetarget::net {

InterfaceMonitor::InterfaceMonitor(ring::Ring& ring, std::function<void()> changed)
    : ring_(ring), changed_(std::move(changed)),
      socket_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK;
    if (socket_.get() < 0 ||
        bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
        throw std::system_error(errno, std::generic_category(), "cannot watch network interfaces (netlink)");
    handler_ = ring_.add_handler(*this);
    file_ = ring_.register_file(socket_.get());
    receive();
}

InterfaceMonitor::~InterfaceMonitor() {
    ring_.unregister_file(file_);
    ring_.remove_handler(handler_);
}

void InterfaceMonitor::stop() {
    stopping_ = true; // the cancellation may come just after a message
    ring_.cancel(handler_, 0);
}

void InterfaceMonitor::receive() {
    ring_.submit(handler_, 0, [&](io_uring_sqe* sqe) {
        io_uring_prep_recv(sqe, -1, message_.data(), message_.size(), 0);
        file_.apply(sqe);
    });
}

void InterfaceMonitor::on_completion(std::uint64_t, int result, std::uint32_t) {
    if (result == -ECANCELED || stopping_)
        return;
    receive(); // ENOBUFS, messages were lost, means a change like any other
    changed_();
}

} // namespace aoetarget::net
