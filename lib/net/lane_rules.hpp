// The rules by which an interface gets no XDP lane whatever its driver says, and those by which answers obey
// the rules of the machine.
#pragma once

#include <aoetarget/options.hpp>

#include "net/host_rules.hpp"
#include "net/refusal.hpp"

#include <optional>
#include <string>

namespace aoetarget::net {

struct InterfaceState;

/// Returns whether the rules of this machine apply to the frames that a link sends.
[[nodiscard]] inline bool obeys_rules_for_sent(QdiscUse qdisc, const HostRules& rules) {
    return qdisc == QdiscUse::honour || (qdisc == QdiscUse::automatic && rules.concern_sent());
}

/// Returns the text of InterfaceStats::passes_by: the rules that do not apply to all frames of a link.
std::string rules_passed_by(QdiscUse qdisc, const HostRules& rules, bool has_lane);

/// Returns what InterfaceStats::link says, after a comma, of rules through which frames are sent and which
/// its reason does not name.
std::string rules_obeyed(LinkKind kind, QdiscUse qdisc, const HostRules& rules);

/// Returns why an interface with these rules has no lane, or nothing.
std::optional<Refusal> rules_refusal(LinkKind kind, QdiscUse qdisc, const HostRules& rules);

/// Returns why an interface that is a port of another one has no lane. If the operator insists on one, it
/// says what to do.
Refusal port_refusal(LinkKind kind, const InterfaceState& interface);

/// Returns why the interface has no lane, because of these or of what it is, or nothing.
std::optional<Refusal> lane_refusal(LinkKind kind, QdiscUse qdisc, const InterfaceState& interface);

/// The slots of the link are not made for a lane.
Refusal misaligned_refusal();
/// Returns what it means that the kernel attaches no program, with this error and in this mode, or nothing if
/// it is not known.
std::optional<Refusal> attach_refusal(int error, bool native);

/// Returns the text with which an interface is refused where the host insists on a lane and there is none.
std::string lane_demand_text(const std::string& interface, const std::string& why);

} // namespace aoetarget::net
