// Opens, takes apart and checks them.
#include "net/interface_rights.hpp"

#include "net/interface.hpp"
#include "net/lane_rules.hpp"
#include "net/netfilter_monitor.hpp"
#include "net/xdp_lane.hpp"

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

namespace aoetarget {
namespace {

using namespace net;

constexpr std::chrono::milliseconds patience_for_program{1000};
constexpr std::size_t longest_reason = 256; // which everybody who asks for the status gets

std::vector<ring::FileDescriptor> owned(const std::vector<int>& descriptors) {
    std::vector<ring::FileDescriptor> all;
    all.reserve(descriptors.size());
    for (const int descriptor : descriptors)
        all.emplace_back(descriptor);
    return all;
}

void attach_program(InterfaceRights& rights, const InterfaceState& interface,
                    const InterfaceOptions& options) {
    const bool insists = options.link == LinkKind::xdp;
    try {
        if (auto refusal = lane_refusal(options.link, options.qdisc, interface))
            throw Refusal(*refusal);
        rights.program = XdpLane::attach(interface, insists, Patience(patience_for_program));
    } catch (const Refusal& refusal) {
        if (insists)
            throw std::system_error(refusal.error(), std::generic_category(),
                                    lane_demand_text(interface.name, refusal.what()));
        rights.refusal = refusal;
    }
}

} // namespace

std::unique_ptr<PreparedInterface> prepare_interface(const std::string& name,
                                                     const InterfaceOptions& options) {
    InterfaceState interface = query_servable_interface(name);
    interface.rules = query_host_rules(interface.name, interface.index, NetfilterMonitor(), {});
    auto rights = std::make_unique<InterfaceRights>();
    rights->sockets = open_packet_sockets(name);
    if (options.link != LinkKind::packet)
        attach_program(*rights, interface, options);
    return rights;
}

InterfaceParts take_apart(const PreparedInterface& interface) {
    const auto& rights = static_cast<const InterfaceRights&>(interface);
    InterfaceParts parts;
    const PacketSockets& sockets = *rights.sockets;
    for (const ring::FileDescriptor* socket : {&sockets.receiver, &sockets.sender, &sockets.large_sender}) {
        if (socket->valid())
            parts.sockets.push_back(socket->get());
    }
    if (rights.program != nullptr) {
        parts.program = XdpLane::descriptors(*rights.program);
        parts.is_generic = XdpLane::is_generic(*rights.program);
    }
    if (rights.refusal)
        parts.why_no_xdp = rights.refusal->what();
    return parts;
}

std::unique_ptr<PreparedInterface> put_together(const InterfaceParts& parts) {
    std::vector<ring::FileDescriptor> sockets = owned(parts.sockets);
    std::vector<ring::FileDescriptor> program = owned(parts.program);
    auto rights = std::make_unique<InterfaceRights>();
    rights->sockets = adopt_packet_sockets(std::move(sockets));
    try {
        if (!program.empty())
            rights->program = XdpLane::adopt(std::move(program), parts.is_generic);
    } catch (const Refusal& refusal) {
        throw std::system_error(EBADMSG, std::generic_category(), refusal.what());
    }
    if (!parts.why_no_xdp.empty())
        rights->refusal.emplace(EOPNOTSUPP, parts.why_no_xdp.substr(0, longest_reason));
    return rights;
}

} // namespace aoetarget
