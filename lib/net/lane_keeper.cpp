// When there is a lane, and what becomes of its frames.
#include "net/lane_keeper.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace aoetarget::net {
namespace {

// A lane that somebody else has may be about to go: that of a target which this one replaces, or our own of a
// moment ago. Before the loop turns it is waited for; later, when others are served, it is tried for now and
// then.
constexpr std::chrono::milliseconds patience_at_start{1000};
constexpr unsigned attempts_later = 50;
__kernel_timespec attempt_interval{.tv_sec = 0, .tv_nsec = 20'000'000}; // never written
// From the time that a lane's frame says until it can be seen, at most.
constexpr core::Time max_lane_delay = std::chrono::seconds(1);
// Bytes of kernel memory that a frame in the socket is charged with at the very least.
constexpr unsigned least_charge = 256;

} // namespace

LaneKeeper::LaneKeeper(LinkContext& link, LinkMemory& memory, PacketReceiver& receiver)
    : link_(link), memory_(memory), receiver_(receiver), handler_(link.ring.add_handler(*this)) {}

LaneKeeper::~LaneKeeper() {
    link_.ring.remove_handler(handler_);
}

void LaneKeeper::open() {
    if (link_.kind == LinkKind::packet)
        return;
    const bool turns = link_.ring.is_turning();
    attempts_left_ = turns ? attempts_later : 0;
    state_ = State::due;
    if (memory_.fits(false))
        try_for(turns ? Patience() : Patience(patience_at_start));
    else // what a new link got had a lane
        lack_memory();
}

void LaneKeeper::try_for(const Patience& patience) {
    state_ = State::none;
    try {
        if (link_.interface.loopback)
            throw Refusal(EOPNOTSUPP, "the loopback interface has no XDP to speak of; leave link=xdp away");
        if (!XdpLane::suits(memory_->layout()))
            throw Refusal(EINVAL, "a device wants its data aligned as no slot for XDP can have it (link=xdp "
                                  "copies it)");
        lane_ = XdpLane::open(link_.name, link_.interface, link_.ring, *memory_, *this,
                              link_.kind == LinkKind::xdp, patience);
        set_destinations();
    } catch (const Refusal& refusal) {
        refused(refusal);
        if ((refusal.error() == EBUSY || refusal.error() == EEXIST) && attempts_left_ > 0)
            wait();
    }
}

void LaneKeeper::refused(const Refusal& refusal) {
    close();
    refusal_ = refusal;
}

void LaneKeeper::wait() {
    --attempts_left_;
    state_ = State::waiting;
    link_.ring.submit(handler_, 0,
                      [](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &attempt_interval, 0, 0); });
}

void LaneKeeper::on_completion(std::uint64_t, int, std::uint32_t) {
    if (state_ == State::waiting)
        state_ = State::due;
}

void LaneKeeper::lack_memory() {
    if (state_ != State::due)
        return;
    state_ = State::lacking;
    refusal_ = Refusal(EBUSY, "devices that do not answer hold the memory of earlier lanes");
}

void LaneKeeper::close() {
    if (lane_ == nullptr)
        return;
    lane_->stop_receiving();
    if (!is_behind()) // else they are asked for again
        lane_->receive();
    if (lane_->waiting() > 0 && link_.interface.up && link_.serving) {
        lane_->flush();
        link_.ring.submit_prepared(); // which sends them
    }
    count(link_.counters);
    link_.counters.tx_errors += lane_->waiting();
    lane_.reset();
    state_ = State::none;
    receiver_.end();
}

void LaneKeeper::count(LinkCounters& counters) const {
    if (lane_ == nullptr)
        return;
    counters.rx_dropped += lane_->drops();
    counters.rx_starved += lane_->starved();
    counters.tx_frames += lane_->sent();
}

void LaneKeeper::follow(const InterfaceState& before) {
    const InterfaceState& now = link_.interface;
    if (lane_ != nullptr && !now.carrier)
        lane_->blank_waiting();
    if (now.mac != before.mac)
        update_destinations();
    const bool is_another = now.index != before.index || now.mtu != before.mtu || (now.up && !before.up);
    if (lane_ == nullptr && is_another && link_.kind != LinkKind::packet) {
        state_ = State::due;
        attempts_left_ = attempts_later;
    }
}

void LaneKeeper::update_destinations() {
    if (lane_ == nullptr)
        return;
    try {
        set_destinations();
    } catch (const Refusal& refusal) {
        refused(refusal);
    }
}

/// What waited in the socket when the lane got its destinations is older than what the lane has of them, and
/// a write that is overtaken there would undo a newer one (R1). So the lane waits until the
/// socket was empty once, or has handed over as many frames as can have been in it.
void LaneKeeper::set_destinations() {
    lane_->set_destinations(link_.interface.mac, link_.addresses);
    state_ = State::behind;
    behind_until_ = link_.counters.rx_frames + link_.socket.receive_buffer_bytes() / least_charge;
}

/// A lane is told at once: it may take capabilities that a program gives up when it is set up.
void LaneKeeper::tell_arrivals(bool wanted) {
    if (lane_ != nullptr)
        lane_->stamp(wanted);
}

void LaneKeeper::receive() {
    state_ = State::open;
    lane_->receive();
    emptied_ = now_;
}

/// A lane is emptied in every turn, so what is in it came after the last one: no answer of a newer request
/// can have left before. A frame that does not say when it came, or not by our clock (time namespaces),
/// counts as having come just now: the latest that is possible makes older whatever still waits in a socket.
/// Only what came over two lanes in one turn may then take effect in another order than it came.
void LaneKeeper::lane_received(core::FrameSlot slot) {
    const core::Time arrival = slot.arrival();
    if (arrival == core::Time{} || arrival < emptied_ - max_lane_delay || arrival > now_)
        slot.set_arrival(now_);
    ++link_.counters.rx_frames;
    link_.deliver(std::move(slot));
}

void LaneKeeper::replenish() {
    const bool is_due = state_ == State::due || state_ == State::lacking;
    if (is_due && link_.serving && link_.socket.is_open() && memory_.fits(false))
        try_for({});
    if (lane_ == nullptr)
        return;
    lane_->replenish(link_.interface.carrier);
    lane_->stamp(receiver_.tells_arrivals());
}

void LaneKeeper::stop() {
    if (lane_ != nullptr)
        lane_->stop_receiving();
}

std::string LaneKeeper::description() const {
    if (lane_ != nullptr)
        return lane_->description();
    return refusal_ ? fmt::format("packet: {}", refusal_->what()) : "packet";
}

} // namespace aoetarget::net
