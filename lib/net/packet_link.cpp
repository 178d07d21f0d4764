#include "net/packet_link.hpp"

#include "net/stamped_frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <sys/socket.h>

namespace aoetarget::net {
namespace {

// The argument of a completion: that of the receive, of the time to try for a lane or for everything again,
// or what is being sent.
constexpr std::uint64_t receive_argument = 1ULL << 47, lane_argument = 1ULL << 46,
                        retry_argument = 1ULL << 45;

struct Sending {
    static constexpr unsigned length_bits = 17, index_bits = 16;
    static_assert(protocol::ata_header_bytes + protocol::max_sectors_per_frame * sector_bytes <
                  1U << length_bits);

    std::uint64_t length;
    std::uint64_t index; ///< Of the slot.
    std::uint64_t pool;

    explicit Sending(core::FrameSlot slot)
        : length(slot.frame().size()), index(slot.index()), pool(slot.pool().id()) {
        std::move(slot).release();
    }
    explicit Sending(std::uint64_t argument)
        : length(argument & ((1U << length_bits) - 1)),
          index(argument >> length_bits & ((1U << index_bits) - 1)),
          pool(argument >> (length_bits + index_bits)) {}
    [[nodiscard]] std::uint64_t argument() const {
        return pool << (length_bits + index_bits) | index << length_bits | length;
    }
};

// A receive that fails this often without a frame in between is tried again later, as is what found no
// memory.
constexpr unsigned max_errors_in_a_row = 16;
__kernel_timespec retry_interval{.tv_sec = 0, .tv_nsec = 100'000'000}; // never written

// Answers that leave in one submission. A small group is about what a disk serves while it is being sent.
constexpr std::size_t small_group = 4, large_group = 64;

// What is lent to the socket for receiving. More would only be colder in the processor's caches
// (performance.md B), and beside a lane little arrives there.
constexpr std::size_t receive_buffers = 256, receive_buffers_beside_lane = 64;

// A lane that somebody else has may be about to go: that of a target which this one replaces, or our own of a
// moment ago. Before the loop turns it is waited for; later, when others are served, it is tried for now and
// then.
constexpr std::chrono::milliseconds patience_at_start{1000};
constexpr unsigned attempts_later = 50;
__kernel_timespec attempt_interval{.tv_sec = 0, .tv_nsec = 20'000'000}; // never written
// From the time that a lane's frame says until it can be seen, at most.
constexpr core::Time max_lane_delay = std::chrono::seconds(1);

// Bytes of kernel memory that a received frame is charged with, by and large (measured: performance.md B).
constexpr unsigned charge_of(unsigned mtu) {
    return mtu <= 1500 ? 2304 : mtu + 4096;
}
// And at the very least.
constexpr unsigned least_charge = 256;

} // namespace

PacketLink::PacketLink(std::string name, const InterfaceOptions& options, ring::Ring& ring,
                       FrameMemories& memories, ArrivalClock& clock, LinkEvents& events,
                       std::vector<Address> addresses)
    : name_(std::move(name)), kind_(options.link), ring_(ring), memories_(memories), clock_(clock),
      events_(events), handler_(ring.add_handler(*this)), addresses_(std::move(addresses)) {
    max_sectors_ = options.sectors_per_frame;
    try {
        const auto interface = query_interface(name_);
        const auto refuse = [&](int error, const std::string& why) {
            throw std::system_error(error, std::generic_category(),
                                    fmt::format("interface {}: {}", name_, why));
        };
        if (!interface)
            refuse(ENODEV, "there is no such interface here; 'ip link' lists them");
        if (!interface->ethernet)
            refuse(EAFNOSUPPORT, "it is not an Ethernet interface");
        if (interface->mtu < protocol::min_mtu)
            refuse(EMSGSIZE, fmt::format("its MTU of {} cannot carry a sector; it must be at least {}",
                                         interface->mtu, protocol::min_mtu));
        open(*interface);
        interface_ = *interface;
        fit_memory();
        lane_attempts_ = ring_.is_turning() ? attempts_later : 0;
        try_lane(ring_.is_turning() ? Patience() : Patience(patience_at_start));
        if (kind_ == LinkKind::xdp && lane_ == nullptr)
            refuse(no_lane_->error(), fmt::format("link=xdp cannot be had: {}", no_lane_->what()));
    } catch (...) {
        close();
        if (memory_ != nullptr)
            memory_->retire();
        ring_.remove_handler(handler_);
        throw;
    }
}

PacketLink::~PacketLink() {
    close();
    if (memory_ != nullptr)
        memory_->retire();
    ring_.remove_handler(handler_);
}

void PacketLink::open(const InterfaceState& interface) {
    socket_ = PacketSocket(name_, interface, addresses_, stamped_);
    file_ = ring_.register_file(socket_.fd());
    sender_file_ = ring_.register_file(socket_.sender_fd());
    large_sender_file_ = ring_.register_file(socket_.large_sender_fd());
    errors_in_a_row_ = 0;
}

void PacketLink::close() {
    close_lane();
    counters_.tx_errors += outbox_.size() - next_out_; // another interface of this name has another address
    outbox_.clear();
    next_out_ = 0;
    has_backlog_ = false;
    ring_.undefer(*this);
    if (!socket_.is_open())
        return;
    counters_.rx_dropped += socket_.take_drops();
    if (receiving_)
        ring_.cancel(handler_, receive_argument);
    ring_.unregister_file(file_);
    ring_.unregister_file(sender_file_);
    ring_.unregister_file(large_sender_file_);
    socket_ = {};
}

/// Keeps the reason where there can be none.
void PacketLink::try_lane(const Patience& patience) {
    lane_is_due_ = false;
    if (kind_ == LinkKind::packet)
        return;
    if (!memory_fits()) { // what a new link got had a lane: tried again when there is other memory
        wait_for_memory();
        lane_is_due_ = true;
        return;
    }
    try {
        if (interface_.loopback)
            throw Refusal(EOPNOTSUPP, "the loopback interface has no XDP to speak of; leave link=xdp away");
        if (!XdpLane::suits(memory_->layout()))
            throw Refusal(EINVAL, "a device wants its data aligned as no slot for XDP can have it (link=xdp "
                                  "copies it)");
        lane_ = XdpLane::open(name_, interface_, ring_, *memory_, *this, kind_ == LinkKind::xdp, patience);
        set_destinations();
    } catch (const Refusal& refusal) {
        close_lane();
        no_lane_ = refusal;
        if ((refusal.error() == EBUSY || refusal.error() == EEXIST) && lane_attempts_ > 0) {
            --lane_attempts_;
            ring_.submit(handler_, lane_argument,
                         [](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &attempt_interval, 0, 0); });
        }
    }
}

void PacketLink::close_lane() {
    if (lane_ == nullptr)
        return;
    lane_->stop_receiving();
    if (!socket_is_behind()) // else they are asked for again
        lane_->receive();
    if (lane_->waiting() > 0 && interface_.up && wanted_) {
        lane_->flush();
        ring_.submit_prepared(); // which sends them
    }
    counters_.rx_dropped += lane_->drops();
    counters_.rx_starved += lane_->starved();
    counters_.tx_frames += lane_->sent();
    counters_.tx_errors += lane_->waiting();
    lane_.reset();
    if (receiving_)
        ring_.cancel(handler_, receive_argument);
}

core::FramePool::Layout PacketLink::wanted_layout() const {
    const std::size_t frame_bytes =
        interface_.mtu + protocol::ethernet_header_bytes + protocol::vlan_tag_bytes;
    return memories_.layout_for(frame_bytes, addresses_.size(),
                                kind_ == LinkKind::xdp ? std::optional(sector_bytes) : std::nullopt);
}

bool PacketLink::memory_fits() const {
    return memory_ != nullptr && (lane_ != nullptr || !memory_->had_lane()) &&
           memory_->pool().frame_capacity() >= wanted_layout().frame_bytes;
}

/// Slots for the longest frame that the interface can bring. A smaller MTU is served from larger slots.
void PacketLink::fit_memory() {
    if (memory_fits())
        return;
    if (memory_ != nullptr && !memories_.has_room()) {
        wait_for_memory();
        return;
    }
    if (std::exchange(waits_for_memory_, false) && receiving_)
        ring_.cancel(handler_, receive_argument);
    if (receiving_)
        return; // the receive under way is being cancelled; replenish() comes here again
    FrameMemory* fresh = nullptr;
    try {
        fresh = &memories_.add(wanted_layout());
    } catch (const std::system_error&) {
        if (memory_ == nullptr)
            throw;
        return; // no memory now: frames stay as long as the slots are
    }
    if (memory_ != nullptr)
        memory_->retire();
    memory_ = fresh;
    // Those of retired memory may be under way.
    outbox_.reserve((FrameMemories::max_retired + 1) * memory_->pool().slots());
    max_slot_frame_ = memory_->pool().frame_capacity();
}

/// Until then the packet socket serves from those slots that were not with a lane.
void PacketLink::wait_for_memory() {
    if (!std::exchange(waits_for_memory_, true) && kind_ != LinkKind::packet)
        no_lane_ = Refusal(EBUSY, "devices that do not answer hold the memory of earlier lanes");
}

void PacketLink::refresh() {
    const InterfaceState before = interface_;
    std::optional<InterfaceState> now;
    try {
        now = query_interface(name_);
    } catch (const std::system_error&) {
        retry_later(); // no descriptor left to ask with: what was true stays
        return;
    }
    if (!now || !now->ethernet) {
        close();
        interface_.index = 0;
        interface_.up = interface_.carrier = false;
        return;
    }
    interface_ = *now;
    if (!socket_.is_open() || !socket_.is_bound_to(now->index)) {
        close();
        try {
            open(*now);
        } catch (const std::system_error&) {
            interface_.up = interface_.carrier = false;
            retry_later(); // no memory, or gone again already
            return;
        }
    }
    errors_in_a_row_ = 0;
    if (!memory_fits()) { // other slots first: see fit_memory()
        close_lane();
        if (receiving_)
            ring_.cancel(handler_, receive_argument);
    }
    if (lane_ != nullptr && !now->carrier)
        lane_->blank_waiting();
    if (now->mac != before.mac)
        update_lane();
    if (lane_ == nullptr &&
        (now->index != before.index || now->mtu != before.mtu || (now->up && !before.up))) {
        lane_is_due_ = true;
        lane_attempts_ = attempts_later;
    }
    if (now->carrier &&
        (!before.carrier || now->mtu != before.mtu || now->mac != before.mac || now->index != before.index))
        events_.changed(id_);
}

void PacketLink::set_addresses(std::vector<Address> addresses) {
    addresses_ = std::move(addresses);
    if (socket_.is_open())
        socket_.set_addresses(addresses_);
    update_lane();
}

/// It takes what is sent to this MAC address for these exports.
void PacketLink::update_lane() {
    if (lane_ == nullptr)
        return;
    try {
        set_destinations();
    } catch (const Refusal& refusal) {
        close_lane();
        no_lane_ = refusal;
    }
}

void PacketLink::set_destinations() {
    lane_->set_destinations(interface_.mac, addresses_);
    lane_waits_until_ = counters_.rx_frames + socket_.receive_buffer_bytes() / least_charge;
}

/// A lane is told at once: it may take capabilities that a program gives up when it is set up.
void PacketLink::tell_arrivals(bool wanted) {
    tells_arrivals_ = wanted;
    if (lane_ != nullptr)
        lane_->stamp(wanted);
}

void PacketLink::collect(core::Time now) {
    now_ = now;
    if (lane_ == nullptr || socket_is_behind())
        return;
    lane_waits_until_ = 0;
    lane_->receive();
    emptied_ = now;
}

/// What waited in the socket when the lane got its destinations is older than what the lane has of them, and
/// a write that is overtaken there would undo a newer one (initiators.md R1). So the lane waits until the
/// socket was empty once, or has handed over as many frames as can have been in it.
bool PacketLink::socket_is_behind() const {
    return counters_.rx_frames < lane_waits_until_ && (socket_.has_frames() || ring_.has_completions());
}

void PacketLink::replenish() {
    fit_memory();
    if (lane_is_due_ && wanted_ && socket_.is_open() && memory_fits())
        try_lane({});
    set_aside();
    if (lane_ != nullptr)
        lane_->replenish(interface_.carrier);
    choose_receive();
    if (lane_ != nullptr)
        lane_->stamp(tells_arrivals_);
    if (memory_->lend(wanted_buffers()) && !receiving_ && wanted_ && socket_.is_open()) {
        if (errors_in_a_row_ < max_errors_in_a_row)
            receive();
        else
            retry_later();
    }
}

/// To be lent to the socket.
std::size_t PacketLink::wanted_buffers() const {
    return lane_ != nullptr ? receive_buffers_beside_lane : receive_buffers;
}

/// No export gets those slots that are lent, or are to be: requests come in through them. What a lane that is
/// gone had is not there.
void PacketLink::set_aside() {
    const std::size_t in_lane = lane_ != nullptr ? lane_->slots() : memory_->with_lane();
    memory_->pool().set_aside(memory_->most_lent(wanted_buffers()) + in_lane);
}

void PacketLink::retry_later() {
    if (wanted_ && !std::exchange(retrying_, true))
        ring_.submit(handler_, retry_argument,
                     [](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &retry_interval, 0, 0); });
}

/// What is lent to the kernel begins elsewhere with and without
/// stamps, so the receive has to end first.
void PacketLink::choose_receive() {
    if (receiving_ && tells_arrivals_ != stamped_)
        ring_.cancel(handler_, receive_argument);
    if (receiving_)
        return;
    if (std::exchange(stamped_, tells_arrivals_) != tells_arrivals_ && socket_.is_open())
        socket_.stamp(stamped_);
    memory_->set_header(stamped_ ? StampedFrame::header_bytes : 0);
}

void PacketLink::stop_receiving() {
    wanted_ = false;
    if (lane_ != nullptr)
        lane_->stop_receiving();
    if (receiving_)
        ring_.cancel(handler_, receive_argument);
}

void PacketLink::receive() {
    static msghdr message = StampedFrame::message(); // never written
    receiving_ = true;
    ring_.submit(handler_, receive_argument, [&](io_uring_sqe* sqe) {
        // MSG_TRUNC: the completion tells the real length of a frame that did not fit its slot.
        if (stamped_)
            io_uring_prep_recvmsg_multishot(sqe, -1, &message, MSG_TRUNC);
        else
            io_uring_prep_recv_multishot(sqe, -1, nullptr, 0, MSG_TRUNC);
        file_.apply(sqe);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = memory_->group();
    });
}

void PacketLink::send(core::FrameSlot slot) {
    if (!socket_.is_open()) {
        ++counters_.tx_errors;
        return;
    }
    if (outbox_.empty())
        ring_.defer(*this);
    if (outbox_.size() == outbox_.capacity()) { // of which no more than there are slots wait
        outbox_.erase(outbox_.begin(), outbox_.begin() + static_cast<std::ptrdiff_t>(next_out_));
        next_out_ = 0;
    }
    outbox_.push_back(std::move(slot));
}

/// After the devices got their work: they start on it no sooner than the whole submission is through.
void PacketLink::on_turn_end() {
    const std::size_t group = small_groups_ ? small_group : large_group;
    const std::size_t end = std::min(outbox_.size(), next_out_ + group);
    for (; next_out_ < end; ++next_out_)
        submit_send(std::move(outbox_[next_out_]));
    if (lane_ != nullptr)
        lane_->flush();
    has_backlog_ = next_out_ < outbox_.size();
    if (has_backlog_) {
        ring_.defer(*this);
        return;
    }
    outbox_.clear();
    next_out_ = 0;
}

void PacketLink::submit_send(core::FrameSlot slot) {
    const Bytes frame = slot.frame();
    // What does not fit, or finds the interface down, is for the packet socket to fail.
    if (lane_ != nullptr && interface_.carrier &&
        frame.size() <= interface_.mtu + protocol::ethernet_header_bytes && lane_->send(slot))
        return;
    const bool is_large = PacketSocket::is_large(frame);
    const ConstBytes sent = is_large ? PacketSocket::with_hint(frame) : frame;
    ring_.submit(handler_, Sending(std::move(slot)).argument(), [&](io_uring_sqe* sqe) {
        io_uring_prep_send(sqe, -1, sent.data(), sent.size(), 0);
        (is_large ? large_sender_file_ : sender_file_).apply(sqe);
    });
}

void PacketLink::on_completion(std::uint64_t argument, int result, std::uint32_t flags) {
    if (argument == receive_argument) {
        on_received(result, flags);
        return;
    }
    if (argument == lane_argument) {
        lane_is_due_ = lane_ == nullptr;
        return;
    }
    if (argument == retry_argument) {
        retrying_ = false;
        if (wanted_)
            refresh();
        return;
    }
    const Sending sent(argument);
    FrameMemory& memory = memories_.find(static_cast<std::uint16_t>(sent.pool));
    on_sent(memory.pool().adopt(static_cast<std::uint32_t>(sent.index), sent.length), result);
}

void PacketLink::on_received(int result, std::uint32_t flags) {
    if ((flags & IORING_CQE_F_MORE) == 0)
        receiving_ = false;
    if (result < 0 || (flags & IORING_CQE_F_BUFFER) == 0) {
        if ((flags & IORING_CQE_F_BUFFER) != 0)
            memory_->received(static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT), 0);
        if (result == -ENOBUFS)
            ++counters_.rx_starved; // every slot is in use: the frames wait in the socket
        else if (result < 0 && result != -ECANCELED)
            ++errors_in_a_row_; // ENETDOWN, and the next receive waits until the interface is up
        return;
    }
    const auto buffer = static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
    auto length = static_cast<std::size_t>(result);
    std::optional arrival = core::Time{}; // which says nothing
    if (stamped_) {
        const StampedFrame frame(memory_->header(buffer));
        length = frame.length();
        if (frame.stamp())
            arrival = clock_.arrival(*frame.stamp());
    }
    core::FrameSlot slot = memory_->received(buffer, length);
    errors_in_a_row_ = 0;
    ++counters_.rx_frames;
    slot.set_arrival(arrival.value_or(core::Time{}));
    if (!arrival)
        ++counters_.rx_dropped;
    else if (length > memory_->pool().frame_capacity())
        ++counters_.rx_oversized;
    else if (!events_.received(id_, std::move(slot)))
        ++counters_.rx_ignored;
}

/// A lane is emptied in every turn, so what is in it came after the last one: no answer of a newer request
/// can have left before. A frame that does not say when it came, or not by our clock (time namespaces),
/// counts as having come just now: the latest that is possible makes older whatever still waits in a socket.
/// Only what came over two lanes in one turn may then take effect in another order than it came.
void PacketLink::lane_received(core::FrameSlot slot) {
    const core::Time arrival = slot.arrival();
    if (arrival == core::Time{} || arrival < emptied_ - max_lane_delay || arrival > now_)
        slot.set_arrival(now_);
    ++counters_.rx_frames;
    if (!events_.received(id_, std::move(slot)))
        ++counters_.rx_ignored;
}

void PacketLink::on_sent(core::FrameSlot slot, int result) {
    if (result >= 0) {
        ++counters_.tx_frames;
        return;
    }
    ++counters_.tx_errors;
    if (result == -EMSGSIZE)
        events_.undeliverable(id_, std::move(slot));
}

unsigned PacketLink::max_buffers() const {
    return static_cast<unsigned>(
        lane_ != nullptr ? lane_->capacity() : socket_.receive_buffer_bytes() / charge_of(interface_.mtu));
}

PacketLink::Counters PacketLink::counters() const {
    counters_.rx_dropped += socket_.take_drops();
    Counters all = counters_;
    if (lane_ != nullptr) {
        all.rx_dropped += lane_->drops();
        all.rx_starved += lane_->starved();
        all.tx_frames += lane_->sent();
    }
    return all;
}

std::string PacketLink::description() const {
    if (lane_ != nullptr)
        return lane_->description();
    return no_lane_ ? fmt::format("packet: {}", no_lane_->what()) : "packet";
}

} // namespace aoetarget::net
