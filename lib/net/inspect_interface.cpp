// Looks at interfaces as a link does, and serves nothing on them.
#include "net/buffer_bound.hpp"
#include "net/frame_memory.hpp"
#include "net/interface.hpp"
#include "net/lane_layout.hpp"
#include "net/lane_rules.hpp"
#include "net/netfilter_monitor.hpp"
#include "net/packet_socket.hpp"
#include "net/xdp_features.hpp"
#include "net/xdp_lane.hpp"

#include <aoetarget/inspect.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>

namespace aoetarget {
namespace {

using namespace net;

/// Returns the layout of LinkMemory.
core::FramePool::Layout layout_of(const InterfaceState& interface, LinkKind kind,
                                  const ExportFacts& exports) {
    const std::size_t alignment =
        kind == LinkKind::xdp ? sector_bytes : std::max<std::size_t>(exports.memory_alignment, sector_bytes);
    return frame_layout(interface.mtu, exports.count, alignment);
}

/// Throws the Refusal of a lane as far as it can be told without attaching a program. Returns its
/// description.
std::string describe_lane(const InterfaceState& interface, const InterfaceOptions& options,
                          const core::FramePool::Layout& layout, bool is_freed) {
    const bool insists = options.link == LinkKind::xdp;
    if (auto refusal = lane_refusal(options.link, options.qdisc, interface))
        throw Refusal(*refusal);
    XdpLane::check_layout(layout, insists);
    XdpLane::check_offloads(interface.name, insists);
    XdpLane::check_program();
    if (!is_freed && has_xdp_program(interface.index))
        throw Refusal(*attach_refusal(EBUSY, true));
    const auto native = has_native_xdp(interface.index);
    if (native == false && !insists)
        throw Refusal(*attach_refusal(EOPNOTSUPP, true));
    if (native == false)
        return "xdp generic";
    return native ? "xdp native" : "xdp, if the driver supports it";
}

/// Sets the link, and the rules that it passes by. Returns whether it has a lane.
bool inspect_lane(InterfaceInspection& found, const InterfaceState& interface,
                  const InterfaceOptions& options, const core::FramePool::Layout& layout, bool is_freed) {
    std::optional<Refusal> refusal;
    found.stats.link = "packet";
    try {
        if (options.link != LinkKind::packet)
            found.stats.link = describe_lane(interface, options, layout, is_freed);
    } catch (const Refusal& why) {
        refusal = why;
        found.stats.link = fmt::format("packet: {}", why.what());
    }
    found.stats.link += rules_obeyed(options.link, options.qdisc, interface.rules);
    if (refusal && options.link == LinkKind::xdp)
        found.refusal = lane_demand_text(interface.name, refusal->what());
    const bool has_lane = options.link != LinkKind::packet && !refusal;
    found.stats.passes_by = rules_passed_by(options.qdisc, interface.rules, has_lane);
    found.stats.filters_broadcasts = has_lane ? interface.rules.for_received() : "";
    return has_lane;
}

void inspect_buffer(InterfaceInspection& found, const InterfaceState& interface) {
    found.wanted_buffer_bytes = std::uint64_t{2} * wanted_buffer_bytes; // the kernel doubles it
    try {
        const ring::FileDescriptor socket = open_packet_socket(interface.name);
        const unsigned bytes = size_receive_buffer(socket.get());
        found.buffer_bytes = bytes;
        found.buffer_frames = frames_in(bytes, interface.mtu);
    } catch (const std::system_error& error) {
        found.socket_error = error.what();
    }
}

/// Sets the buffer count, as Holdings::advertised() would have it with all slots free.
void inspect_count(InterfaceInspection& found, unsigned wanted, const core::FramePool::Layout& layout,
                   bool has_lane, std::size_t exports) {
    const unsigned wanted_by_default = TargetOptions().buffer_count;
    const std::size_t aside =
        most_lent(socket_slots(has_lane), layout.slots) + (has_lane ? lane_slots(layout) : 0);
    core::Share slots;
    slots.reset(layout.slots - aside, exports);
    const unsigned of_link = has_lane ? lane_slots(layout) / lane_parts(layout) : found.buffer_frames;
    const auto most = static_cast<unsigned>(std::min<std::size_t>(slots.most_for_one(), of_link));
    found.stats.buffers = std::max(2U, std::min(wanted != 0 ? wanted : wanted_by_default, most));
    found.stats.buffers_bound = buffer_bound(wanted, found.stats.buffers, of_link, has_lane);
}

InterfaceInspection inspect(InterfaceState interface, const InterfaceOptions& options,
                            const ExportFacts& exports, const std::vector<std::string>& freed) {
    interface.rules = query_host_rules(interface.name, interface.index, NetfilterMonitor(), {});
    const core::FramePool::Layout layout = layout_of(interface, options.link, exports);
    InterfaceInspection found{.kind = interface.kind, .is_set_up = interface.up};
    found.stats.name = interface.name;
    found.stats.mac = interface.mac;
    found.stats.mtu = interface.mtu;
    found.stats.sectors_per_frame = protocol::advertised_sectors(options.sectors_per_frame, interface.mtu);
    found.stats.up = interface.carrier;
    found.stats.port_of = interface.port_of;
    found.memory_bytes = layout.region_bytes();
    const bool has_lane = inspect_lane(found, interface, options, layout,
                                       std::ranges::find(freed, interface.name) != freed.end());
    inspect_buffer(found, interface);
    if (found.socket_error.empty())
        inspect_count(found, options.buffer_count, layout, has_lane, exports.count);
    return found;
}

} // namespace

std::vector<InterfaceInspection> inspect_interfaces(const std::string& name, const InterfaceOptions& options,
                                                    const ExportFacts& exports,
                                                    const std::vector<std::string>& freed) {
    std::vector<InterfaceInspection> found;
    if (!is_pattern(name)) {
        if (!options.wait || query_interface(name))
            found.push_back(inspect(query_servable_interface(name), options, exports, freed));
        return found;
    }
    for (const InterfaceState& interface : query_interfaces()) {
        const bool is_taken = interface.ethernet && !interface.loopback && interface.matches(name) &&
                              interface.mtu >= protocol::min_mtu;
        if (is_taken)
            found.push_back(inspect(interface, options, exports, freed));
    }
    return found;
}

} // namespace aoetarget
