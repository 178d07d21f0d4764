// The program of a lane before and beside the lane: attached, handed over, taken over.
#include "net/refusal.hpp"
#include "net/xdp_lane.hpp"
#include "net/xdp_program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace aoetarget::net {

/// Refuses if a lane would take frames of VLANs for untagged ones, or might leave most of the work to the
/// packet socket.
void XdpLane::check_offloads(const std::string& name, bool insist) {
    if (insist)
        return;
    const Offloads offloads = query_offloads(name);
    if (offloads.strips_vlan)
        throw Refusal(EOPNOTSUPP,
                      fmt::format("the device hides VLAN tags from XDP ('ethtool -K {} rxvlan off' "
                                  "stops it)",
                                  name));
    if (offloads.receive_queues > 1)
        throw Refusal(EOPNOTSUPP,
                      fmt::format("the device has {} receive queues and XDP serves one ('ethtool -L {} "
                                  "combined 1' leaves one, link=xdp takes the first)",
                                  offloads.receive_queues, name));
}

void XdpLane::check_program() {
    XdpProgram::check();
}

std::shared_ptr<XdpProgram> XdpLane::attach(const InterfaceState& interface, bool insist,
                                            const Patience& patience) {
    check_offloads(interface.name, insist);
    try {
        return std::make_shared<XdpProgram>(interface.index, XdpProgram::Mode::native, patience);
    } catch (const Refusal& refusal) {
        if (!insist || refusal.error() != EOPNOTSUPP)
            throw;
    }
    return std::make_shared<XdpProgram>(interface.index, XdpProgram::Mode::generic, patience);
}

std::shared_ptr<XdpProgram> XdpLane::adopt(std::vector<ring::FileDescriptor> descriptors, bool is_generic) {
    std::array<ring::FileDescriptor, XdpProgram::descriptor_count> all;
    if (descriptors.size() != all.size())
        throw Refusal(EBADMSG, "the XDP program that was handed over is not complete");
    std::ranges::move(descriptors, all.begin());
    return std::make_shared<XdpProgram>(std::move(all),
                                        is_generic ? XdpProgram::Mode::generic : XdpProgram::Mode::native);
}

std::vector<int> XdpLane::descriptors(const XdpProgram& program) {
    const auto all = program.descriptors();
    return {all.begin(), all.end()};
}

bool XdpLane::is_generic(const XdpProgram& program) {
    return program.mode() == XdpProgram::Mode::generic;
}

} // namespace aoetarget::net
