// Decides when there is a lane, and takes its frames.
#include "net/lane_keeper.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <system_error>

#include <net/if.h>
#include <poll.h>

namespace aoetarget::net {
namespace {

// A lane that another process has may be about to go: that of a target which this one replaces, or our own of
// a moment ago. Before the loop turns, the link waits for it; later, when it must serve, it tries now and
// then.
constexpr std::chrono::milliseconds patience_at_start{1000};
constexpr unsigned attempts_later = 50;
__kernel_timespec attempt_interval{.tv_sec = 0, .tv_nsec = 20'000'000}; // never written
// After a frame was handed over the lane has to prove itself within this time.
__kernel_timespec proof_interval{.tv_sec = 0, .tv_nsec = 200'000'000}; // never written
// The longest time from the stamp of a lane's frame until the frame is visible.
constexpr core::Time max_lane_delay = std::chrono::seconds(1);
// The kernel charges a frame in the socket with at least this many bytes.
constexpr unsigned least_charge = 256;

std::optional<Refusal> rules_refusal(const LinkContext& link, const HostRules& rules) {
    return rules_refusal(link.kind, link.qdisc, rules);
}

/// Returns whether the reason may soon be gone: another has the lane, or the interface went a moment ago and
/// the kernel's message about that is on its way. The kernel refuses an XDP program there with EINVAL.
bool is_passing(const Refusal& refusal, const InterfaceState& interface) {
    std::array<char, IF_NAMESIZE> name{};
    return refusal.error() == EBUSY || refusal.error() == EEXIST ||
           if_indextoname(static_cast<unsigned>(interface.index), name.data()) == nullptr;
}

} // namespace

LaneKeeper::LaneKeeper(LinkContext& link, LinkMemory& memory, PacketReceiver& receiver)
    : RegisteredHandler(link.ring), link_(link), memory_(memory), receiver_(receiver) {}

void LaneKeeper::open() {
    if (link_.kind == LinkKind::packet)
        return;
    const bool turns = link_.ring.is_turning();
    attempts_left_ = turns ? attempts_later : 0;
    state_ = State::due;
    if (is_program_of_link_)
        await_program();
    else if (memory_.fits(false))
        try_for(turns ? Patience() : Patience(patience_at_start));
    else // the memory of a new link had a lane before
        lack_memory();
    was_open_ = is_open() || (is_coming() && link_.kind == LinkKind::xdp); // which nobody needs to be told
}

/// The queue of the interface, and the locked memory, are free only when the socket of the other link is
/// gone.
void LaneKeeper::await_program() {
    try {
        check_interface();
        attempts_left_ = attempts_later;
        wait();
    } catch (const Refusal& refusal) {
        refused(refusal);
        state_ = State::none;
    }
}

std::shared_ptr<XdpProgram> LaneKeeper::give_up() {
    suspend();
    state_ = State::none;
    return std::move(program_);
}

void LaneKeeper::take_over(const InterfaceRights& rights) {
    if (link_.kind == LinkKind::packet)
        return;
    if (rights.program != nullptr)
        program_ = rights.program;
    if (program_ == nullptr) // else it is what kept the other process from attaching one
        foreign_refusal_ = rights.refusal;
    is_program_of_link_ = rights.is_of_link;
}

/// Throws Refusal where no lane can be had whatever the driver says.
void LaneKeeper::check_interface() const {
    if (const auto refusal = lane_refusal(link_.kind, link_.qdisc, link_.interface))
        throw Refusal(*refusal);
    if (link_.interface.index == failed_index_)
        throw Refusal(EIO, "frames that the XDP program handed over never arrived");
    if (foreign_refusal_)
        throw Refusal(*foreign_refusal_);
}

void LaneKeeper::try_for(const Patience& patience) {
    state_ = State::none;
    const bool was_there = program_ != nullptr;
    bool is_possible = false;
    try {
        check_interface();
        is_possible = true;
        lane_ = XdpLane::open(link_.interface, link_.ring, *memory_, *this, link_.kind == LinkKind::xdp,
                              patience, program_);
        proof_ = {};
        ++lanes_;
        watch();
        set_destinations();
    } catch (const Refusal& refusal) {
        const bool passes = is_passing(refusal, link_.interface);
        // This process may have given up the right to attach another.
        const auto kept = passes || (was_there && is_possible) ? program_ : nullptr;
        refused(refusal);
        program_ = kept;
        if (attempts_left_ > 0 && passes)
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
    submit(attempt, [](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &attempt_interval, 0, 0); });
}

void LaneKeeper::on_completion(std::uint64_t argument, int result, std::uint32_t) {
    if (argument == attempt) {
        if (state_ == State::waiting)
            state_ = State::due;
    } else if (lane_ != nullptr && link_.serving && result != -ECANCELED) {
        if (argument == of_this_lane(used))
            look_later();
        else if (argument == of_this_lane(proof))
            check_proof();
    }
}

/// An idle lane wakes nobody, so nothing is looked at before a frame is handed over.
void LaneKeeper::watch() {
    const int fd = lane_->alarm();
    submit(of_this_lane(used), [&](io_uring_sqe* sqe) { io_uring_prep_poll_add(sqe, fd, POLLIN); });
}

void LaneKeeper::look_later() {
    submit(of_this_lane(proof), [](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &proof_interval, 0, 0); });
}

void LaneKeeper::check_proof() {
    if (!proof_.holds(lane_->handed_over(), lane_->arrived())) {
        failed_index_ = link_.interface.index;
        refused(
            Refusal(EIO, fmt::format("of {} frames that the XDP program handed over, the last never arrived",
                                     lane_->handed_over())));
    } else if (proof_.is_waiting()) {
        look_later();
    } else {
        watch();
    }
}

void LaneKeeper::end_watch() {
    cancel(of_this_lane(used));
    cancel(of_this_lane(proof));
}

/// Not while it may be only for a moment: between two memories, or while another is about to give the
/// interface's lane up.
void LaneKeeper::tell_changes() {
    const bool is_settled = state_ != State::due && state_ != State::waiting;
    if (!is_settled || was_open_ == is_open() || !link_.socket.is_open() || !link_.serving)
        return;
    was_open_ = is_open();
    if (was_open_)
        link_.log.tell(Severity::notice, EventKind::lane_regained, link_.name,
                       fmt::format("Requests come through AF_XDP now ({}).", lane_->description()));
    else
        link_.log.tell(Severity::warning, EventKind::lane_lost, link_.name,
                       fmt::format("Packet sockets have taken over from AF_XDP, which cannot be had: {}.{}",
                                   refusal_ ? refusal_->what() : "the reason is not known",
                                   refusal_ && (refusal_->error() == EPERM || refusal_->error() == ENOBUFS)
                                       ? " This process had them at its start: restart it, or remove the "
                                         "interface and add it again, to have AF_XDP."
                                       : ""));
}

void LaneKeeper::lack_memory() {
    if (state_ != State::due)
        return;
    state_ = State::lacking;
    refusal_ = Refusal(EBUSY, "devices that do not answer hold the memory of earlier lanes");
}

void LaneKeeper::close() {
    if (lane_ != nullptr) {
        lane_->stop_receiving();
        end();
    }
    program_.reset();
}

void LaneKeeper::suspend() {
    if (lane_ == nullptr)
        return;
    lane_->pause();
    end();
}

/// Ends a lane that takes no more frames.
void LaneKeeper::end() {
    if (!is_behind()) // else the initiators repeat them
        lane_->receive();
    if (lane_->waiting() > 0 && link_.interface.up && link_.serving) {
        lane_->flush();
        link_.ring.submit_prepared(); // which sends them as far as there is room
    }
    count(link_.counters);
    link_.counters.tx_errors += lane_->waiting();
    end_watch();
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
    const bool was_port = before.index != 0 && !before.port_of.empty();
    const bool is_another = now.index != before.index || now.mtu != before.mtu || (now.up && !before.up) ||
                            (was_port && now.port_of.empty()) ||
                            (rules_refusal(link_, before.rules) && !rules_refusal(link_, now.rules));
    if (lane_ != nullptr && !now.port_of.empty())
        refused(port_refusal(link_.kind, now));
    if (const auto refusal = rules_refusal(link_, now.rules); lane_ != nullptr && refusal)
        refused(*refusal);
    if (lane_ != nullptr && now.rules.concern_received() && !before.rules.concern_received())
        link_.log.tell(
            Severity::warning, EventKind::broadcasts_filtered, link_.name,
            fmt::format(
                "Requests pass by {}, as link=xdp asks, but broadcasts do not, and with these initiators "
                "look for targets. Let frames of AoE (type 0x88a2) through there.",
                now.rules.for_received()));
    if (is_another)
        foreign_refusal_.reset();
    if (lane_ == nullptr && is_another && link_.kind != LinkKind::packet) {
        state_ = State::due;
        attempts_left_ = attempts_later;
    }
}

void LaneKeeper::options_changed(LinkKind before) {
    const bool loses_right = before == LinkKind::xdp && link_.kind == LinkKind::automatic;
    if (lane_ != nullptr && !loses_right && !rules_refusal(link_, link_.interface.rules) &&
        link_.kind != LinkKind::packet)
        return;
    if (loses_right && link_.kind != LinkKind::packet)
        suspend();
    else
        close();
    refusal_.reset();
    foreign_refusal_.reset();
    state_ = link_.kind == LinkKind::packet ? State::none : State::due;
    attempts_left_ = attempts_later;
    // What was asked for is told only if it does not come true.
    was_open_ = link_.kind == LinkKind::xdp;
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

/// Frames that waited in the socket when the lane got its destinations are older than those in the lane, and
/// a write that is overtaken there would undo a newer one (R1). So the lane waits until the socket was empty
/// once, or has handed over as many frames as it can have held.
void LaneKeeper::set_destinations() {
    lane_->set_destinations(link_.interface.mac, link_.addresses);
    state_ = State::behind;
    behind_until_ = link_.counters.rx_frames + link_.socket.receive_buffer_bytes() / least_charge;
}

/// The lane is told at once, because this may take capabilities that a program gives up after its set-up.
void LaneKeeper::tell_arrivals(bool wanted) {
    if (lane_ != nullptr)
        lane_->stamp(wanted);
}

void LaneKeeper::receive() {
    state_ = State::open;
    lane_->receive();
    emptied_ = now_;
}

/// Each turn empties the lane, so its frames came after the last turn, and no answer to a newer request can
/// have left before. A frame without a stamp, or with a stamp of another clock (time namespaces), counts as
/// having come just now, so that all frames that still wait in a socket look older. Only frames that came
/// over two lanes in one turn may then change places.
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
    tell_changes();
    if (lane_ == nullptr)
        return;
    lane_->replenish(link_.interface.carrier);
    lane_->stamp(receiver_.tells_arrivals());
}

void LaneKeeper::stop() {
    if (lane_ == nullptr)
        return;
    lane_->stop_receiving();
    end_watch();
}

std::string LaneKeeper::description() const {
    if (lane_ != nullptr)
        return lane_->description();
    return refusal_ ? fmt::format("packet: {}", refusal_->what()) : "packet";
}

} // namespace aoetarget::net
