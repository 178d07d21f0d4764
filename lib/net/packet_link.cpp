// Joins the parts of a link.
#include "net/packet_link.hpp"

#include <fmt/format.h>

#include <system_error>

namespace aoetarget::net {
PacketLink::PacketLink(std::string name, const InterfaceOptions& options, ring::Ring& ring,
                       FrameMemories& memories, ArrivalClock& clock, LinkEvents& events, core::EventLog& log,
                       const NetfilterMonitor& netfilter, std::vector<Address> addresses,
                       const InterfaceRights* rights)
    : given_sockets_(rights != nullptr ? rights->sockets : nullptr), link_{.name = std::move(name),
                                                                           .kind = options.link,
                                                                           .buffer_count =
                                                                               options.buffer_count,
                                                                           .qdisc = options.qdisc,
                                                                           .ring = ring,
                                                                           .events = events,
                                                                           .log = log,
                                                                           .netfilter = netfilter,
                                                                           .addresses = std::move(addresses)},
      memory_(link_, memories), receiver_(link_, memory_, clock), lane_(link_, memory_, receiver_),
      sender_(link_, memories, lane_), follower_(link_, *this) {
    max_sectors_ = options.sectors_per_frame;
    advertise_interval_ = options.advertise_interval;
    if (rights != nullptr)
        lane_.take_over(*rights);
    try {
        follower_.begin();
        fit_memory();
        lane_.open();
        set_slots_aside();
    } catch (...) {
        close();
        throw;
    }
}

void PacketLink::change(const InterfaceOptions& options, const InterfaceRights* rights) {
    const LinkKind before = link_.kind;
    link_.kind = options.link;
    link_.qdisc = options.qdisc;
    link_.buffer_count = options.buffer_count;
    max_sectors_ = options.sectors_per_frame;
    advertise_interval_ = options.advertise_interval;
    memory_->pool().set_buffer_count(options.buffer_count);
    if (link_.socket.is_open())
        link_.socket.bypass_qdisc(!link_.obeys_rules_for_sent());
    lane_.options_changed(before);
    if (rights != nullptr && !lane_.is_open())
        lane_.take_over(*rights);
}

void PacketLink::demand_lane() const {
    if (lacks_lane())
        throw std::system_error(lane_.refusal()->error(), std::generic_category(),
                                lane_demand_text(link_.name, lane_.refusal()->what()));
}

void PacketLink::tell_lack_of_lane() const {
    if (lacks_lane())
        link_.log.tell(
            Severity::warning, EventKind::lane_lost, link_.name,
            fmt::format(
                "Packet sockets serve the interface, although link=xdp asks for AF_XDP: {}. "
                "Restart the target, or remove the interface and add it again, while it is there to have "
                "AF_XDP.",
                lane_.refusal()->what()));
}

PacketLink::~PacketLink() {
    close();
}

void PacketLink::interface_found() {
    link_.socket = PacketSocket(link_.name, link_.interface, link_.addresses, receiver_.is_stamped(),
                                given_sockets_ != nullptr ? given_sockets_ : open_packet_sockets(link_.name));
    link_.socket.bypass_qdisc(!link_.obeys_rules_for_sent());
    receiver_.open();
    sender_.open();
}

void PacketLink::close() {
    lane_.close();
    if (!link_.socket.is_open())
        return;
    link_.counters.rx_dropped += link_.socket.take_drops();
    receiver_.close();
    sender_.close();
    link_.socket = {};
}

void PacketLink::interface_seen(const InterfaceState& before) {
    const InterfaceState& now = link_.interface;
    if (now.rules != before.rules)
        link_.socket.bypass_qdisc(!link_.obeys_rules_for_sent());
    receiver_.try_again();
    if (!memory_.fits(lane_.is_open())) { // other slots must come first: see fit_memory()
        lane_.suspend();
        receiver_.end();
    }
    lane_.follow(before);
    const bool was_up = before.carrier && before.port_of.empty();
    if (up() && (!was_up || now.mtu != before.mtu || now.mac != before.mac || now.index != before.index))
        link_.events.changed(link_.id);
}

void PacketLink::hear(const InterfaceNews& news) {
    if (!follower_.is_concerned(news.interface) && !news.is_lost())
        return;
    follower_.look();
    if (news.moved && (news.is_lost() || news.interface.index == link_.interface.index))
        link_.events.changed(link_.id);
}

/// Provides slots for the longest frame that the interface can bring. Larger slots serve a smaller MTU.
void PacketLink::fit_memory() {
    if (memory_.fits(lane_.is_open()))
        return;
    if (!memory_.is_replaceable()) {
        lane_.lack_memory();
        return;
    }
    receiver_.end();
    if (receiver_.is_under_way() || !memory_.replace()) // tried again when the receive has ended
        return;
    // Answers in retired memory may be under way.
    sender_.reserve((FrameMemories::max_retired + 1) * memory_->pool().slots());
    max_slot_frame_ = memory_->pool().frame_capacity();
}

void PacketLink::set_addresses(std::vector<Address> addresses) {
    if (addresses == link_.addresses)
        return;
    link_.addresses = std::move(addresses);
    if (link_.socket.is_open())
        link_.socket.set_addresses(link_.addresses);
    lane_.update_destinations();
}

void PacketLink::tell_arrivals(bool wanted) {
    receiver_.tell_arrivals(wanted);
    lane_.tell_arrivals(wanted);
}

std::size_t PacketLink::set_slots_aside() {
    const std::size_t buffers = socket_slots(lane_.is_open());
    memory_.set_aside(buffers, lane_.slots());
    return buffers;
}

void PacketLink::replenish() {
    fit_memory();
    lane_.replenish();
    if (XdpLane* lane = lane_.lane(); lane != nullptr) {
        if (core::FrameSlot answer = lane->take_dropped())
            sender_.send_again(std::move(answer));
    }
    receiver_.replenish(set_slots_aside());
    if (receiver_.is_resting() && link_.socket.is_open())
        follower_.look_later();
}

void PacketLink::stop_receiving() {
    link_.serving = false;
    lane_.stop();
    receiver_.end();
}

unsigned PacketLink::max_buffers() const {
    const XdpLane* lane = lane_.lane();
    return lane != nullptr ? lane->capacity()
                           : frames_in(link_.socket.receive_buffer_bytes(), link_.interface.mtu);
}

std::string PacketLink::description() const {
    return lane_.description() + rules_obeyed(link_.kind, link_.qdisc, link_.interface.rules);
}

std::string PacketLink::passes_by() const {
    return rules_passed_by(link_.qdisc, link_.interface.rules, lane_.is_open());
}

LinkCounters PacketLink::counters() const {
    link_.counters.rx_dropped += link_.socket.take_drops();
    LinkCounters all = link_.counters;
    lane_.count(all);
    return all;
}

} // namespace aoetarget::net
