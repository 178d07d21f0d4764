// The rules that this machine has for the frames of an interface, and that a way around the kernel's network
// stack passes by: queueing disciplines, and filters of tc, tcx and nftables.
#pragma once

#include "net/netfilter_monitor.hpp"

#include <string>

namespace aoetarget::net {

struct HostRules {
    std::string qdisc = {};   ///< The kind of the queueing discipline that somebody has configured.
    std::string tc_hook = {}; ///< "ingress", or "clsact", which filters sent frames too.
    bool tcx_ingress = false; ///< BPF programs on received frames (Linux 6.6).
    bool tcx_egress = false;
    bool nft_ingress = false; ///< Chains of nftables that see received frames.
    bool nft_egress = false;

    bool operator==(const HostRules&) const = default;

    /// Returns whether there are rules for frames that are sent.
    [[nodiscard]] bool concern_sent() const {
        return !qdisc.empty() || tc_hook == "clsact" || tcx_egress || nft_egress;
    }
    /// Returns whether there are rules for frames that are received.
    [[nodiscard]] bool concern_received() const { return !tc_hook.empty() || tcx_ingress || nft_ingress; }
    /// Name the rules: "the qdisc tbf". They are empty if there are none.
    [[nodiscard]] std::string for_sent() const;
    [[nodiscard]] std::string for_received() const;
};

/// Returns the rules for the interface of this name and index. What the process has no right to ask stays as
/// it was `before`. Throws std::system_error if no descriptor is left to ask with.
HostRules query_host_rules(const std::string& interface, int index, const NetfilterMonitor& netfilter,
                           const HostRules& before);

} // namespace aoetarget::net
