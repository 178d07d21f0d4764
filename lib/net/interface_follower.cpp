// Looks at the interface, and reports changes.
#include "net/interface_follower.hpp"

#include "net/interface_events.hpp"

#include <system_error>

namespace aoetarget::net {
namespace {

__kernel_timespec look_interval{.tv_sec = 0, .tv_nsec = 100'000'000}; // never written

core::Time now() {
    return std::chrono::steady_clock::now().time_since_epoch();
}

} // namespace

InterfaceFollower::InterfaceFollower(LinkContext& link, Owner& owner)
    : RegisteredHandler(link.ring), link_(link), owner_(owner), wanted_(link.name) {}

void InterfaceFollower::rename(const std::string& name) {
    wanted_ = name;
    if (link_.interface.index == 0) { // it waits
        link_.name = name;
        look();
    }
}

void InterfaceFollower::begin() {
    InterfaceState interface = query_servable_interface(wanted_);
    interface.rules = query_host_rules(interface.name, interface.index, link_.netfilter, {});
    link_.interface = interface;
    link_.carrier_since = now();
    link_.name = interface.name;
    owner_.interface_found();
    state_ = State::bound;
}

/// While it is the same interface, by its index, whatever its name is. If another has the wanted name now,
/// that is not ours until this one is gone, and not then either if another link has it.
std::optional<InterfaceState> InterfaceFollower::query() const {
    if (state_ == State::bound && link_.socket.is_bound_to(link_.interface.index))
        return query_interface(link_.interface.index);
    auto found = query_interface(wanted_);
    return found && !link_.events.is_served_elsewhere(link_.id, found->index) ? found : std::nullopt;
}

void InterfaceFollower::look() {
    const bool had_carrier = link_.interface.carrier;
    look_at_interface();
    if (link_.interface.carrier != had_carrier)
        link_.carrier_since = now();
}

void InterfaceFollower::look_at_interface() {
    InterfaceState before = link_.interface;
    std::optional<InterfaceState> now;
    try {
        now = query();
        if (now)
            now->rules = query_host_rules(now->name, now->index, link_.netfilter, before.rules);
    } catch (const std::system_error&) {
        look_later(); // no descriptor is left to ask with, so the last state stays
        return;
    }
    if (!now || !now->ethernet) {
        lose();
        state_ = State::absent;
        link_.interface.index = 0;
        cannot_carry();
        if (before.index == 0)
            return;
        tell_gone(link_.log, link_.name, link_.comes_and_goes ? "" : wanted_);
        link_.name = wanted_;
        if (!link_.comes_and_goes)
            look(); // another may have got the name while this one had a new one
        return;
    }
    link_.interface = *now;
    link_.name = now->name;
    if (state_ == State::bound && !link_.socket.is_bound_to(now->index))
        lose();
    if (state_ != State::bound) {
        try {
            owner_.interface_found();
            state_ = State::bound;
            before = {}; // it is another, even if it has the same index
        } catch (const std::system_error&) {
            cannot_carry();
            look_later(); // no memory, or gone again already
            return;
        }
    }
    tell_changes(link_.log, link_.name, before, link_.interface, link_.events.is_served(now->master));
    owner_.interface_seen(before);
}

bool InterfaceFollower::is_concerned(const InterfaceState& changed) const {
    if (state_ != State::bound && changed.has_name(wanted_))
        return true;
    return link_.interface.index != 0 &&
           (changed.index == link_.interface.index || changed.index == link_.interface.master);
}

void InterfaceFollower::lose() {
    if (state_ == State::bound)
        owner_.interface_lost();
    state_ = State::unbound;
}

void InterfaceFollower::look_later() {
    if (link_.serving && quiet())
        submit(0, [](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &look_interval, 0, 0); });
}

void InterfaceFollower::on_completion(std::uint64_t, int, std::uint32_t) {
    if (link_.serving)
        look();
}

} // namespace aoetarget::net
