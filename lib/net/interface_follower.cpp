// Looks at the interface, and says what has become of it.
#include "net/interface_follower.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace aoetarget::net {
namespace {

__kernel_timespec look_interval{.tv_sec = 0, .tv_nsec = 100'000'000}; // never written

} // namespace

InterfaceFollower::InterfaceFollower(LinkContext& link, Owner& owner)
    : link_(link), owner_(owner), handler_(link.ring.add_handler(*this)) {}

InterfaceFollower::~InterfaceFollower() {
    link_.ring.remove_handler(handler_);
}

void InterfaceFollower::begin() {
    const auto refuse = [&](int error, const std::string& why) {
        throw std::system_error(error, std::generic_category(),
                                fmt::format("interface {}: {}", link_.name, why));
    };
    const auto interface = query();
    if (!interface)
        refuse(ENODEV, "there is no such interface here; 'ip link' lists them");
    if (!interface->ethernet)
        refuse(EAFNOSUPPORT, "it is not an Ethernet interface");
    if (interface->mtu < protocol::min_mtu)
        refuse(EMSGSIZE, fmt::format("its MTU of {} cannot carry a sector; it must be at least {}",
                                     interface->mtu, protocol::min_mtu));
    link_.interface = *interface;
    owner_.interface_found();
    state_ = State::bound;
}

void InterfaceFollower::look() {
    const InterfaceState before = link_.interface;
    std::optional<InterfaceState> now;
    try {
        now = query();
    } catch (const std::system_error&) {
        look_later(); // no descriptor left to ask with: what was true stays
        return;
    }
    if (!now || !now->ethernet) {
        lose();
        state_ = State::absent;
        link_.interface.index = 0;
        cannot_carry();
        return;
    }
    link_.interface = *now;
    if (state_ == State::bound && !link_.socket.is_bound_to(now->index))
        lose();
    if (state_ != State::bound) {
        try {
            owner_.interface_found();
            state_ = State::bound;
        } catch (const std::system_error&) {
            cannot_carry();
            look_later(); // no memory, or gone again already
            return;
        }
    }
    owner_.interface_seen(before);
}

void InterfaceFollower::lose() {
    if (state_ == State::bound)
        owner_.interface_lost();
    state_ = State::unbound;
}

void InterfaceFollower::look_later() {
    if (link_.serving && quiet())
        link_.ring.submit(handler_, 0,
                          [](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &look_interval, 0, 0); });
}

void InterfaceFollower::on_completion(std::uint64_t, int, std::uint32_t) {
    if (link_.serving)
        look();
}

} // namespace aoetarget::net
