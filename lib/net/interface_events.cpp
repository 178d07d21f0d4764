// Makes the sentence for each change of an interface.
#include "net/interface_events.hpp"

#include "protocol/aoe.hpp"

#include <fmt/format.h>

namespace aoetarget::net {

void tell_gone(core::EventLog& log, const std::string& name, const std::string& wanted) {
    if (wanted.empty())
        log.tell(Severity::notice, EventKind::interface_gone, name, "The interface is gone.");
    else
        log.tell(
            Severity::error, EventKind::interface_gone, name,
            fmt::format("The interface is gone. The target serves the next one with the name {}.", wanted));
}

void tell_changes(core::EventLog& log, const std::string& name, const InterfaceState& before,
                  const InterfaceState& now, bool master_is_served) {
    const auto tell = [&](Severity severity, EventKind kind, std::string text) {
        log.tell(severity, kind, name, std::move(text));
    };
    if (before.index != now.index)
        tell(Severity::notice, EventKind::interface_back,
             !now.port_of.empty() ? "The interface is there."
             : now.carrier        ? "The interface is there, and is served."
                                  : "The interface is there, and is served as soon as it has a link.");
    if (before.index == now.index && before.name != now.name)
        tell(Severity::notice, EventKind::interface_renamed,
             fmt::format("The name of the interface was {} before; it is served as before.", before.name));
    const std::string port_of_before = before.index == now.index ? before.port_of : "";
    if (port_of_before != now.port_of && now.port_of.empty())
        tell(Severity::notice, EventKind::interface_is_free,
             fmt::format("The interface is no longer a port of {}, and is served.", port_of_before));
    else if (port_of_before != now.port_of)
        tell(Severity::error, EventKind::interface_is_port,
             fmt::format("The interface is a port of {}, which takes its frames{}.", now.port_of,
                         master_is_served ? " and is served" : ": serve " + now.port_of + " instead"));
    if (before.index != 0 && before.mac != now.mac)
        tell(Severity::notice, EventKind::mac_changed,
             fmt::format("The MAC address is {} now; before it was {}.", to_string(now.mac),
                         to_string(before.mac)));
    if (before.index != 0 && before.mtu != now.mtu) {
        const bool too_small = now.mtu < protocol::min_mtu;
        tell(too_small ? Severity::error : Severity::notice, EventKind::mtu_changed,
             too_small
                 ? fmt::format("The MTU is {} now, which cannot carry a sector; it must be at least {} ('ip "
                               "link set {} mtu 1500').",
                               now.mtu, protocol::min_mtu, name)
                 : fmt::format("The MTU is {} now; before it was {}. Linux initiators learn of it when they "
                               "read the advertisement that follows.",
                               now.mtu, before.mtu));
    }
    if (before.carrier && !now.carrier)
        tell(Severity::warning, EventKind::link_down,
             now.up ? "The interface has no link: look at the cable, the switch and the other end."
                    : fmt::format("The interface was taken down; 'ip link set {} up' brings it up.", name));
    if (before.index != 0 && !before.carrier && now.carrier)
        tell(Severity::notice, EventKind::link_up, "The interface has a link now.");
}

} // namespace aoetarget::net
