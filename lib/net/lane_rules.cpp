// One refusal for each reason.
#include "net/lane_rules.hpp"

#include "net/interface.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace aoetarget::net {

std::string rules_passed_by(QdiscUse qdisc, const HostRules& rules, bool has_lane) {
    const std::string received = has_lane ? rules.for_received() : "";
    const std::string sent = obeys_rules_for_sent(qdisc, rules) ? "" : rules.for_sent();
    return received.empty() || sent.empty() ? received + sent : fmt::format("{}, {}", sent, received);
}

std::string rules_obeyed(LinkKind kind, QdiscUse qdisc, const HostRules& rules) {
    if (kind == LinkKind::automatic || qdisc == QdiscUse::bypass || !rules.concern_sent())
        return {};
    return fmt::format(", sends through {}", rules.for_sent());
}

Refusal port_refusal(LinkKind kind, const InterfaceState& interface) {
    return {EOPNOTSUPP,
            fmt::format("the interface is a port of {}, which takes its frames{}", interface.port_of,
                        kind == LinkKind::xdp ? ": serve " + interface.port_of + " instead" : "")};
}

std::optional<Refusal> rules_refusal(LinkKind kind, QdiscUse qdisc, const HostRules& rules) {
    if (kind != LinkKind::automatic)
        return {};
    if (rules.concern_received())
        return Refusal(EOPNOTSUPP, fmt::format("AF_XDP would pass by {} (link=xdp passes them by)",
                                               rules.for_received()));
    if (qdisc == QdiscUse::honour)
        return Refusal(EOPNOTSUPP, "AF_XDP would pass by the queueing discipline (qdisc=honour)");
    if (qdisc == QdiscUse::automatic && rules.concern_sent())
        return Refusal(EOPNOTSUPP,
                       fmt::format("AF_XDP would pass by {} (qdisc=bypass does so)", rules.for_sent()));
    return {};
}

Refusal misaligned_refusal() {
    return {EINVAL, "a device needs its data aligned in a way that XDP cannot provide (link=xdp copies it)"};
}

std::optional<Refusal> attach_refusal(int error, bool native) {
    switch (error) {
    case EBUSY:
    case EEXIST: // in the other mode
        return Refusal(error, "another XDP program is attached to the interface ('ip link' shows it)");
    case EOPNOTSUPP:
        return Refusal(error, native ? "the driver has no native XDP" : "the interface takes no XDP program");
    case ERANGE:
        return Refusal(error, "the driver takes no XDP program at this MTU");
    default:
        return {};
    }
}

std::string lane_demand_text(const std::string& interface, const std::string& why) {
    return fmt::format("interface {}: link=xdp is not possible: {}; leave link=xdp out to use AF_XDP only "
                       "where it gains something",
                       interface, why);
}

std::optional<Refusal> lane_refusal(LinkKind kind, QdiscUse qdisc, const InterfaceState& interface) {
    if (interface.loopback)
        return Refusal(EOPNOTSUPP, "the loopback interface gains nothing from XDP");
    if (!interface.port_of.empty())
        return port_refusal(kind, interface);
    if (auto refusal = rules_refusal(kind, qdisc, interface.rules))
        return refusal;
    try {
        if (!is_made_of_others(interface))
            return {};
    } catch (const std::system_error& error) {
        return Refusal(error.code().value(), error.what());
    }
    return Refusal(EOPNOTSUPP,
                   fmt::format("frames come to this interface{} from others, so XDP cannot take them here",
                               interface.kind.empty() ? "" : fmt::format(" ({})", interface.kind)));
}

} // namespace aoetarget::net
