// How the parts of a link are joined.
#include "net/packet_link.hpp"

#include <fmt/format.h>

#include <system_error>

namespace aoetarget::net {
namespace {

// What is lent to the socket for receiving. More would only be colder in the processor's caches
// (README.md, "Receiving"), and beside a lane little arrives there.
constexpr std::size_t receive_buffers = 256, receive_buffers_beside_lane = 64;

// Bytes of kernel memory that a received frame is charged with, by and large (README.md, "The receive
// buffer").
constexpr unsigned charge_of(unsigned mtu) {
    return mtu <= 1500 ? 2304 : mtu + 4096;
}

} // namespace

PacketLink::PacketLink(std::string name, const InterfaceOptions& options, ring::Ring& ring,
                       FrameMemories& memories, ArrivalClock& clock, LinkEvents& events,
                       std::vector<Address> addresses)
    : link_{.name = std::move(name),
            .kind = options.link,
            .ring = ring,
            .events = events,
            .addresses = std::move(addresses)},
      memory_(link_, memories), receiver_(link_, memory_, clock), lane_(link_, memory_, receiver_),
      sender_(link_, memories, lane_), follower_(link_, *this) {
    max_sectors_ = options.sectors_per_frame;
    try {
        follower_.begin();
        fit_memory();
        lane_.open();
        if (link_.kind == LinkKind::xdp && !lane_.is_open())
            throw std::system_error(
                lane_.refusal()->error(), std::generic_category(),
                fmt::format("interface {}: link=xdp cannot be had: {}", link_.name, lane_.refusal()->what()));
    } catch (...) {
        close();
        throw;
    }
}

PacketLink::~PacketLink() {
    close();
}

void PacketLink::interface_found() {
    link_.socket = PacketSocket(link_.name, link_.interface, link_.addresses, receiver_.is_stamped());
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
    receiver_.try_again();
    if (!memory_.fits(lane_.is_open())) { // other slots first: see fit_memory()
        lane_.close();
        receiver_.end();
    }
    lane_.follow(before);
    if (now.carrier &&
        (!before.carrier || now.mtu != before.mtu || now.mac != before.mac || now.index != before.index))
        link_.events.changed(link_.id);
}

/// Slots for the longest frame that the interface can bring. A smaller MTU is served from larger slots.
void PacketLink::fit_memory() {
    if (memory_.fits(lane_.is_open()))
        return;
    if (!memory_.is_replaceable()) {
        lane_.lack_memory();
        return;
    }
    receiver_.end();
    if (receiver_.is_under_way() || !memory_.replace()) // or this comes again when the receive has ended
        return;
    // Answers in retired memory may be under way.
    sender_.reserve((FrameMemories::max_retired + 1) * memory_->pool().slots());
    max_slot_frame_ = memory_->pool().frame_capacity();
}

void PacketLink::set_addresses(std::vector<Address> addresses) {
    link_.addresses = std::move(addresses);
    if (link_.socket.is_open())
        link_.socket.set_addresses(link_.addresses);
    lane_.update_destinations();
}

void PacketLink::tell_arrivals(bool wanted) {
    receiver_.tell_arrivals(wanted);
    lane_.tell_arrivals(wanted);
}

void PacketLink::replenish() {
    fit_memory();
    lane_.replenish();
    const std::size_t buffers = lane_.is_open() ? receive_buffers_beside_lane : receive_buffers;
    memory_.set_aside(buffers, lane_.slots());
    receiver_.replenish(buffers);
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
    return static_cast<unsigned>(lane != nullptr
                                     ? lane->capacity()
                                     : link_.socket.receive_buffer_bytes() / charge_of(link_.interface.mtu));
}

LinkCounters PacketLink::counters() const {
    link_.counters.rx_dropped += link_.socket.take_drops();
    LinkCounters all = link_.counters;
    lane_.count(all);
    return all;
}

} // namespace aoetarget::net
