// Asks rtnetlink for queueing disciplines, and bpf(2) for programs.
#include "net/host_rules.hpp"

#include "net/netlink.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include <linux/bpf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace aoetarget::net {
namespace {

// The attach types of Linux 6.6.
constexpr unsigned tcx_ingress = 46, tcx_egress = 47;

/// The disciplines that the kernel or a distribution gives to interfaces by itself.
bool is_default(std::string_view kind) {
    constexpr std::string_view defaults[] = {"noqueue", "pfifo_fast", "fq_codel", "fq", "mq"};
    return std::ranges::find(defaults, kind) != std::end(defaults);
}

void query_qdiscs(int interface_index, const HostRules& before, HostRules& rules) {
    NetlinkRequest request(RTM_GETQDISC, NLM_F_DUMP);
    request.header(tcmsg{});
    const int error = request.ask([&](const NetlinkMessage& message) {
        tcmsg about{};
        if (message.type != RTM_NEWQDISC || message.body.size() < sizeof about)
            return;
        std::memcpy(&about, message.body.data(), sizeof about);
        if (about.tcm_ifindex != interface_index)
            return;
        for_each_attribute(message.body.subspan(NLMSG_ALIGN(sizeof about)),
                           [&](const NetlinkAttribute& attribute) {
                               if (attribute.type != TCA_KIND)
                                   return;
                               if (about.tcm_parent == TC_H_INGRESS)
                                   rules.tc_hook = attribute.text();
                               else if (rules.qdisc.empty() && !is_default(attribute.text()))
                                   rules.qdisc = attribute.text(); // at the root, or of one queue of mq
                           });
    });
    if (error != 0) { // an incomplete answer must not end what an administrator has ordered
        rules.qdisc = before.qdisc;
        rules.tc_hook = before.tc_hook;
    }
}

bool has_programs(int interface_index, unsigned hook, bool before) {
    bpf_attr question{};
    question.query.target_fd = static_cast<std::uint32_t>(interface_index);
    question.query.attach_type = hook;
    if (syscall(SYS_bpf, BPF_PROG_QUERY, &question, sizeof question) == 0)
        return question.query.prog_cnt > 0;
    return errno == EPERM && before; // other errors mean that this kernel has no such hook
}

void add(std::string& list, std::string_view name) {
    if (!list.empty())
        list += ", ";
    list += name;
}

} // namespace

std::string HostRules::for_sent() const {
    std::string list;
    if (!qdisc.empty())
        add(list, "the qdisc " + qdisc);
    if (tc_hook == "clsact")
        add(list, "filters of tc (clsact)");
    if (tcx_egress)
        add(list, "BPF programs (tcx egress)");
    if (nft_egress)
        add(list, "nftables (egress)");
    return list;
}

std::string HostRules::for_received() const {
    std::string list;
    if (!tc_hook.empty())
        add(list, "filters of tc (" + tc_hook + ")");
    if (tcx_ingress)
        add(list, "BPF programs (tcx ingress)");
    if (nft_ingress)
        add(list, "nftables (ingress)");
    return list;
}

HostRules query_host_rules(const std::string& interface, int index, const NetfilterMonitor& netfilter,
                           const HostRules& before) {
    HostRules rules;
    query_qdiscs(index, before, rules);
    rules.tcx_ingress = has_programs(index, tcx_ingress, before.tcx_ingress);
    rules.tcx_egress = has_programs(index, tcx_egress, before.tcx_egress);
    rules.nft_ingress = netfilter.has_ingress(interface);
    rules.nft_egress = netfilter.has_egress(interface);
    return rules;
}

} // namespace aoetarget::net
