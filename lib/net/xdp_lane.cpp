// Opens a lane, and passes frames through its rings.
#include "net/xdp_lane.hpp"

#include "net/lane_layout.hpp"
#include "net/refusal.hpp"
#include "net/xdp_program.hpp"
#include "net/xdp_socket.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

namespace aoetarget::net {
namespace {

// The queue that has the socket. Devices spread only protocols that they know over their queues; AoE arrives
// on the first.
constexpr std::uint32_t queue = 0;
// The wait if the device takes no more, or no slot is left for it: no event tells when that is over.
__kernel_timespec retry_delay{.tv_sec = 0, .tv_nsec = 1'000'000}; // never written

// The time that a driver's round of received frames may take.
constexpr std::chrono::milliseconds longest_round{10};

class Lane final : public XdpLane, private ring::RegisteredHandler {
  public:
    Lane(const InterfaceState& interface, std::shared_ptr<XdpProgram> program, ring::Ring& ring,
         FrameMemory& memory, Receiver& receiver, const Patience& patience);
    ~Lane() override;

    [[nodiscard]] std::string description() const override;
    void set_destinations(const MacAddress& mac, std::span<const Address> addresses) override {
        program_->set_destinations(mac, addresses);
    }
    void stamp(bool wanted) override {
        stamped_ = wanted;
        if (wanted)
            program_->stamp();
    }
    void receive() override;
    void replenish(bool up) override;
    bool send(core::FrameSlot& slot) override;
    void flush() override;
    core::FrameSlot take_dropped() override { return std::move(dropped_); }
    void blank_waiting() override;
    void stop_receiving() override;
    void pause() override;
    [[nodiscard]] bool quiet() const override { return RegisteredHandler::quiet() && unpushed_ == 0; }
    [[nodiscard]] std::size_t slots() const override { return wanted_; }
    [[nodiscard]] unsigned capacity() const override { return wanted_ / parts_; }
    [[nodiscard]] std::uint64_t handed_over() const override {
        return program_->redirected() - redirected_before_;
    }
    [[nodiscard]] int alarm() override { return program_->alarm(); }
    [[nodiscard]] std::uint64_t arrived() const override {
        return taken_ + socket_.receive.available() + socket_.drops();
    }
    [[nodiscard]] std::uint64_t drops() const override { return socket_.drops() + too_long_; }
    [[nodiscard]] std::uint64_t starved() const override { return starved_; }
    [[nodiscard]] std::uint64_t sent() const override {
        return given_ -
               std::min<std::uint64_t>(given_, waiting()); // the kernel may tell late what it has taken
    }
    [[nodiscard]] std::uint32_t waiting() const override { return socket_.transmit.untaken(); }

  private:
    enum Argument : std::uint64_t { readable, retry, send_call };

    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void poll();
    void receive_part(const xdp_desc& part);
    void take_back_sent();
    void call_for_fill();
    void send_call_ended(int result);
    void look_again();
    /// Returns the place at which the program writes before the frame in this slot.
    [[nodiscard]] std::byte* stamp_at(std::uint64_t address) const {
        return memory_.bytes().data() + address - xdp_stamp_bytes;
    }
    [[nodiscard]] std::uint64_t address_of(std::uint32_t slot) const {
        return slot * slot_bytes_ + frame_offset_;
    }
    [[nodiscard]] std::uint32_t slot_of(std::uint64_t address) const {
        return static_cast<std::uint32_t>(address / slot_bytes_);
    }

    FrameMemory& memory_;
    Receiver& receiver_;
    const std::uint64_t slot_bytes_, frame_offset_;
    const std::uint64_t chunk_bytes_; ///< The size of a slot, or of a part of it.
    const std::uint32_t parts_;       ///< The parts in which the longest frame arrives.
    const std::uint32_t wanted_;      ///< The slots to lend for receiving.
    const std::shared_ptr<XdpProgram> program_;
    const std::uint64_t redirected_before_; ///< To the lanes that had the program earlier.
    const bool drops_when_full_;            ///< The interface drops what it has no room for.
    XdpSocket socket_;
    ring::RingFile file_, sender_file_;

    bool receiving_ = true;
    bool stamped_ = false;
    std::uint32_t lent_ = 0;     ///< The slots lent for receiving.
    core::FrameSlot incomplete_; ///< A frame with more parts to come.
    bool is_too_long_ = false;   ///< That frame is longer than a slot.
    /// The lengths of the frames that the kernel has, indexed by slot; 0 if it has none.
    std::vector<std::uint32_t> sending_;
    std::uint32_t unpushed_ = 0; ///< Frames that the next flush() sends.
    std::uint32_t taken_before_ = 0;
    bool retrying_ = false;
    bool is_watching_ = false;   ///< The result of a call that sends is to come.
    bool has_sent_some_ = false; ///< Of the frames that waited, since the last flush().
    bool has_dropped_ =
        false; ///< The newest slot that the kernel has given back holds a frame that was dropped.
    core::FrameSlot dropped_;
    std::uint64_t taken_ = 0, starved_ = 0, too_long_ = 0;
    std::uint64_t given_ = 0; ///< Frames for sending, but for those that were dropped.
};

Lane::Lane(const InterfaceState& interface, std::shared_ptr<XdpProgram> program, ring::Ring& ring,
           FrameMemory& memory, Receiver& receiver, const Patience& patience)
    : RegisteredHandler(ring), memory_(memory), receiver_(receiver),
      slot_bytes_(memory.layout().slot_bytes()), frame_offset_(memory.layout().frame_offset()),
      chunk_bytes_(lane_chunk_bytes(memory.layout())), parts_(lane_parts(memory.layout())),
      wanted_(lane_slots(memory.layout())), program_(std::move(program)),
      redirected_before_(program_->redirected()), drops_when_full_(net::drops_when_full(interface)),
      socket_({.interface_index = interface.index,
               .queue = queue,
               .memory = memory.bytes(),
               .chunk_bytes = static_cast<std::uint32_t>(chunk_bytes_),
               .frame_offset = static_cast<std::uint32_t>(frame_offset_),
               .in_parts = parts_ > 1,
               .receive_entries = std::bit_ceil(wanted_),
               .transmit_entries = std::bit_ceil(memory.pool().slots()),
               .copy = program_->mode() == XdpProgram::Mode::generic},
              patience),
      sending_(memory.pool().slots()) {
    program_->set_socket(queue, socket_.fd()); // it gets no frame before there are destinations
    file_ = ring_.register_file(socket_.fd());
    sender_file_ = ring_.register_file(socket_.sender_fd());
    replenish(false);
    poll();
}

Lane::~Lane() {
    cancel(readable); // it holds the socket open
    ring_.unregister_file(file_);
    ring_.unregister_file(sender_file_);
}

std::string Lane::description() const {
    const char* mode = program_->mode() == XdpProgram::Mode::native ? "xdp native" : "xdp generic";
    return socket_.zero_copy() ? fmt::format("{}, zero-copy", mode) : mode;
}

void Lane::poll() {
    submit(readable, [&](io_uring_sqe* sqe) {
        io_uring_prep_poll_multishot(sqe, -1, POLLIN);
        file_.apply(sqe);
    });
}

/// Every turn looks for frames that have arrived; this only makes the loop turn.
void Lane::on_completion(std::uint64_t argument, int result, std::uint32_t flags) {
    if (argument == retry) {
        retrying_ = false;
        return;
    }
    if (argument == send_call) {
        send_call_ended(result);
        return;
    }
    const bool over = (flags & IORING_CQE_F_MORE) == 0;
    if (over && receiving_ && result >= 0 && (result & POLLERR) == 0) // else the interface is gone
        poll();
}

void Lane::receive() {
    const std::uint32_t count = socket_.receive.available();
    for (std::uint32_t i = 0; i < count; ++i)
        receive_part(socket_.receive.pop());
    if (count > 0)
        socket_.receive.release();
    taken_ += count;
}

/// Each part has a slot of its own, and a frame is put together in the slot of its first. Nearly all frames
/// have one part, which is already in its place.
void Lane::receive_part(const xdp_desc& part) {
    const ConstBytes bytes = memory_.bytes().subspan(part.addr, part.len);
    core::FrameSlot slot = memory_.take_back(slot_of(part.addr), 0);
    --lent_;
    if (!incomplete_) {
        incomplete_ = std::move(slot);
        is_too_long_ = false;
        if (stamped_ && part.addr == address_of(incomplete_.index())) {
            std::uint64_t stamp = 0;
            std::memcpy(&stamp, stamp_at(part.addr), sizeof stamp);
            incomplete_.set_arrival(core::Time(stamp));
        }
    }
    const std::size_t before = incomplete_.frame().size();
    const Bytes rest = incomplete_.capacity().subspan(before);
    if (bytes.size() > rest.size())
        is_too_long_ = true;
    const std::size_t length = std::min(bytes.size(), rest.size());
    if (rest.data() != bytes.data()) // also if a driver leaves another headroom
        std::memmove(rest.data(), bytes.data(), length);
    incomplete_.set_length(before + length);
    if ((part.options & xdp_frame_goes_on) != 0)
        return;
    core::FrameSlot frame = std::move(incomplete_);
    if (is_too_long_)
        ++too_long_;
    else
        receiver_.lane_received(std::move(frame));
}

void Lane::take_back_sent() {
    const std::uint32_t count = socket_.completed.available();
    for (std::uint32_t left = count; left > 0; --left) {
        const std::uint32_t index = slot_of(socket_.completed.pop());
        core::FrameSlot slot = memory_.take_back(index, std::exchange(sending_[index], 0));
        if (left == 1 && std::exchange(has_dropped_, false))
            dropped_ = std::move(slot);
    }
    if (count > 0)
        socket_.completed.release();
}

void Lane::replenish(bool up) {
    if (!is_watching_) // else nobody knows yet what became of the newest
        take_back_sent();

    const std::uint32_t before = lent_;
    for (; lent_ < wanted_; ++lent_) {
        auto slot = memory_.pool().take();
        if (!slot)
            break;
        const std::uint64_t address = address_of(memory_.lend_out(std::move(*slot)));
        std::memset(stamp_at(address), 0,
                    xdp_stamp_bytes); // unknown, unless the program writes a stamp
        socket_.fill.push(address);
    }
    if (lent_ < parts_) { // frames that arrive are lost without an event
        ++starved_;
        look_again();
    }
    if (lent_ > before) {
        socket_.fill.publish();
        if (socket_.fill.needs_wakeup())
            call_for_fill();
    }
    if (up && !retrying_)
        flush(); // frames that an earlier turn could not send
}

/// An answer longer than a chunk would go out in parts, and the kernel would copy each into a page of its
/// own. The packet socket sends it for less, with two thirds of the p99 (measured).
bool Lane::send(core::FrameSlot& slot) {
    if (&slot.pool() != &memory_.pool() || slot.frame().size() > chunk_bytes_ - frame_offset_)
        return false;
    const auto length = static_cast<std::uint32_t>(slot.frame().size());
    const std::uint32_t index = memory_.lend_out(std::move(slot));
    sending_[index] = length;
    socket_.transmit.push({.addr = address_of(index), .len = length, .options = 0});
    ++unpushed_;
    ++given_;
    return true;
}

void Lane::flush() {
    if (unpushed_ > 0)
        socket_.transmit.publish();
    const std::uint32_t left = waiting();
    const std::uint32_t taken = socket_.transmit.taken();
    const bool stuck = unpushed_ == 0 && taken == taken_before_ && !has_sent_some_;
    unpushed_ = 0;
    taken_before_ = taken;
    if (left == 0 || !socket_.transmit.needs_wakeup() || is_watching_)
        return;
    has_sent_some_ = false;
    if (stuck && !receiving_)
        return; // it ends, and what the interface does not take now is lost
    if (stuck)
        look_again();
    const auto call = [this](io_uring_sqe* sqe) {
        io_uring_prep_send(sqe, -1, nullptr, 0, MSG_DONTWAIT);
        sender_file_.apply(sqe);
    };
    if (drops_when_full_) { // one at a time, because each may drop a frame and tells no more than that
        is_watching_ = true;
        submit(send_call, call);
        return;
    }
    // Only a failure makes the loop turn, and that turn sends the frames that the ring still holds.
    for (std::uint32_t i = 0; i < left; i += socket_.frames_per_call())
        ring_.submit_unwatched(call);
}

/// Makes the loop turn soon, even without another event.
void Lane::look_again() {
    if (receiving_ && !std::exchange(retrying_, true))
        submit(retry, [](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &retry_delay, 0, 0); });
}

void Lane::blank_waiting() {
    socket_.transmit.for_each_untaken([&](const xdp_desc& frame) {
        if (sending_[slot_of(frame.addr)] == 0) // it was sent, as the kernel tells late
            return;
        const Bytes bytes = memory_.bytes().subspan(frame.addr, frame.len);
        protocol::put_be16(bytes, protocol::ethertype_at, protocol::ethertype_nothing);
        std::ranges::fill(bytes.subspan(protocol::ethernet_header_bytes), std::byte{0});
    });
}

void Lane::call_for_fill() {
    ring_.submit_unwatched([this](io_uring_sqe* sqe) {
        io_uring_prep_recv(sqe, -1, nullptr, 0, MSG_DONTWAIT);
        file_.apply(sqe);
    });
}

/// The kernel sends one frame after the other until the interface drops one, for want of room or because it
/// is down, whose slot it then gives back as
/// that of a frame that was sent, before the call ends with EBUSY. (EAGAIN means that the call has sent as
/// many as it may, or that there was no room and the frame is still in the ring.)
void Lane::send_call_ended(int result) {
    is_watching_ = false;
    has_sent_some_ = socket_.completed.available() > 0;
    if (result == -EBUSY && has_sent_some_) {
        has_dropped_ = true;
        --given_;
    }
}

/// One cancellation is enough, for the kernel always finds a multishot poll.
void Lane::stop_receiving() {
    if (!receiving_)
        return;
    receiving_ = false;
    program_->detach();
    cancel(readable);
}

/// Frames that the program has just handed over are visible only when the driver has finished its round.
/// Where they come in parts, no count tells whether all are there.
void Lane::pause() {
    if (!receiving_)
        return;
    receiving_ = false;
    program_->pass_all();
    cancel(readable);
    for (const Patience patience(longest_round);
         (parts_ > 1 || handed_over() > arrived()) && patience.wait();)
        continue;
}

} // namespace

void XdpLane::check_layout(const core::FramePool::Layout& layout, bool insist) {
    check_lane_layout(layout);
    if (lane_parts(layout) > 1 && !XdpSocket::takes_parts())
        throw Refusal(EMSGSIZE,
                      "AF_XDP takes no frames larger than a page on this kernel; Linux 6.6 lifts that limit");
    if (!insist)
        check_lane_room(layout);
}

/// Where the kernel takes the program in native mode but no socket, generic mode may still do.
std::unique_ptr<XdpLane> XdpLane::open(const InterfaceState& interface, ring::Ring& ring, FrameMemory& memory,
                                       Receiver& receiver, bool insist, const Patience& patience,
                                       std::shared_ptr<XdpProgram>& program) {
    check_layout(memory.layout(), insist);
    if (program == nullptr || !program->is_attached_to(interface.index))
        program = attach(interface, insist, patience);
    else
        check_offloads(interface.name, insist);
    const auto open_lane = [&] {
        return std::make_unique<Lane>(interface, program, ring, memory, receiver, patience);
    };
    try {
        return open_lane();
    } catch (const Refusal& refusal) {
        if (!insist || refusal.error() != EOPNOTSUPP || program->mode() != XdpProgram::Mode::native)
            throw;
    }
    program->detach(); // before the next one, whoever else has it
    program = std::make_shared<XdpProgram>(interface.index, XdpProgram::Mode::generic, patience);
    return open_lane();
}

} // namespace aoetarget::net
