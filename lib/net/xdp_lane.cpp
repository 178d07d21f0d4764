#include "net/xdp_lane.hpp"

#include "net/refusal.hpp"
#include "net/xdp_program.hpp"
#include "net/xdp_socket.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

namespace aoetarget::net {
namespace {

constexpr std::size_t kernel_headroom = 256;
constexpr std::size_t smallest_chunk = 2048, largest_chunk = 4096;
// The queue that has the socket. Devices spread only what they know over their queues; AoE arrives on the
// first.
constexpr std::uint32_t queue = 0;
// Slots that are lent for receiving. They are used in turns, so more would be colder in the processor's
// caches.
constexpr std::uint32_t receive_slots = 256;

// How long to wait where the device takes no more, or no slot is left for it: no event tells when that is
// over.
__kernel_timespec retry_delay{.tv_sec = 0, .tv_nsec = 1'000'000}; // never written

/// Refuses where a lane would take frames of VLANs for untagged ones, or might leave most of the work to the
/// packet socket.
void check_offloads(const std::string& name) {
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

class Lane final : public XdpLane, private ring::CompletionHandler {
  public:
    Lane(const InterfaceState& interface, XdpProgram::Mode mode, ring::Ring& ring, FrameMemory& memory,
         Receiver& receiver, const Patience& patience);
    ~Lane() override;

    [[nodiscard]] std::string description() const override;
    void set_destinations(const MacAddress& mac, std::span<const Address> addresses) override {
        program_.set_destinations(mac, addresses);
    }
    void stamp(bool wanted) override {
        stamped_ = wanted;
        if (wanted && !std::exchange(program_stamps_, true)) // it goes on: to change it takes milliseconds
            program_.stamp();
    }
    void receive() override;
    void replenish(bool up) override;
    bool send(core::FrameSlot& slot) override;
    void flush() override;
    void blank_waiting() override;
    void stop_receiving() override;
    [[nodiscard]] bool quiet() const override { return ring_.outstanding(handler_) == 0 && unpushed_ == 0; }
    [[nodiscard]] unsigned capacity() const override { return wanted_; }
    [[nodiscard]] std::uint64_t drops() const override { return socket_.drops(); }
    [[nodiscard]] std::uint64_t starved() const override { return starved_; }
    [[nodiscard]] std::uint64_t sent() const override { return given_ - waiting(); }
    [[nodiscard]] std::uint32_t waiting() const override { return socket_.transmit.untaken(); }

  private:
    enum Argument : std::uint64_t { readable, retry };

    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void poll();
    void kick(bool sending);
    void look_again();
    /// What the program writes before the frame in this slot.
    [[nodiscard]] std::byte* stamp_at(std::uint64_t address) const {
        return memory_.bytes().data() + address - XdpProgram::stamp_bytes;
    }
    [[nodiscard]] std::uint64_t address_of(std::uint32_t slot) const {
        return slot * chunk_bytes_ + frame_offset_;
    }

    ring::Ring& ring_;
    FrameMemory& memory_;
    Receiver& receiver_;
    const XdpProgram::Mode mode_;
    const std::uint64_t chunk_bytes_, frame_offset_;
    const std::uint32_t wanted_; ///< Slots to be lent for receiving.
    XdpProgram program_;
    XdpSocket socket_;
    ring::HandlerId handler_ = 0;
    ring::RingFile file_;

    bool receiving_ = true;
    bool stamped_ = false;
    bool program_stamps_ = false;
    std::uint32_t lent_ = 0;     ///< For receiving.
    std::uint32_t unpushed_ = 0; ///< To be sent with the next flush().
    std::uint32_t taken_before_ = 0;
    bool retrying_ = false;
    std::uint64_t starved_ = 0, given_ = 0;
};

Lane::Lane(const InterfaceState& interface, XdpProgram::Mode mode, ring::Ring& ring, FrameMemory& memory,
           Receiver& receiver, const Patience& patience)
    : ring_(ring), memory_(memory), receiver_(receiver), mode_(mode),
      chunk_bytes_(memory.layout().slot_bytes()), frame_offset_(memory.layout().frame_offset()),
      wanted_(std::min(receive_slots, memory.pool().slots() / 4)), program_(interface.index, mode, patience),
      socket_({.interface_index = interface.index,
               .queue = queue,
               .memory = memory.bytes(),
               .chunk_bytes = static_cast<std::uint32_t>(chunk_bytes_),
               .frame_offset = static_cast<std::uint32_t>(frame_offset_),
               .receive_entries = std::bit_ceil(wanted_),
               .transmit_entries = std::bit_ceil(memory.pool().slots()),
               .copy = mode == XdpProgram::Mode::generic},
              patience) {
    program_.set_socket(queue, socket_.fd()); // no frame is for it before there are destinations
    handler_ = ring_.add_handler(*this);
    file_ = ring_.register_file(socket_.fd());
    replenish(false);
    poll();
}

Lane::~Lane() {
    ring_.cancel(handler_, readable); // it holds the socket open
    ring_.unregister_file(file_);
    ring_.remove_handler(handler_);
}

std::string Lane::description() const {
    const char* mode = mode_ == XdpProgram::Mode::native ? "xdp native" : "xdp generic";
    return socket_.zero_copy() ? fmt::format("{}, zero-copy", mode) : mode;
}

void Lane::poll() {
    ring_.submit(handler_, readable, [&](io_uring_sqe* sqe) {
        io_uring_prep_poll_multishot(sqe, -1, POLLIN);
        file_.apply(sqe);
    });
}

/// What has arrived is looked for in every turn; this only sees to it that there is one.
void Lane::on_completion(std::uint64_t argument, int result, std::uint32_t flags) {
    if (argument == retry) {
        retrying_ = false;
        return;
    }
    const bool over = (flags & IORING_CQE_F_MORE) == 0;
    if (over && receiving_ && result >= 0 && (result & POLLERR) == 0) // else the interface is gone
        poll();
}

void Lane::receive() {
    const std::uint32_t count = socket_.receive.available();
    for (std::uint32_t i = 0; i < count; ++i) {
        const xdp_desc frame = socket_.receive.pop();
        const auto slot = static_cast<std::uint32_t>(frame.addr / chunk_bytes_);
        const std::uint64_t offset = frame.addr % chunk_bytes_;
        assert(offset + frame.len <= chunk_bytes_);
        core::FrameSlot received = memory_.take_back(slot, frame.len);
        --lent_;
        if (offset != frame_offset_) { // a driver that has its own idea of headroom
            received.set_length(std::min<std::size_t>(frame.len, received.capacity().size()));
            std::memmove(received.capacity().data(), memory_.bytes().data() + frame.addr,
                         received.frame().size());
        } else if (stamped_) {
            std::uint64_t stamp = 0;
            std::memcpy(&stamp, stamp_at(frame.addr), sizeof stamp);
            received.set_arrival(core::Time(stamp));
        }
        receiver_.lane_received(std::move(received));
    }
    if (count > 0)
        socket_.receive.release();
}

void Lane::replenish(bool up) {
    const std::uint32_t sent = socket_.completed.available();
    for (std::uint32_t i = 0; i < sent; ++i)
        memory_.take_back(static_cast<std::uint32_t>(socket_.completed.pop() / chunk_bytes_), 0);
    if (sent > 0)
        socket_.completed.release();

    const std::uint32_t before = lent_;
    for (; lent_ < wanted_; ++lent_) {
        auto slot = memory_.pool().take();
        if (!slot)
            break;
        const std::uint64_t address = address_of(memory_.lend_out(std::move(*slot)));
        std::memset(stamp_at(address), 0, XdpProgram::stamp_bytes); // unless the program says more
        socket_.fill.push(address);
    }
    if (lent_ == 0) { // what arrives is lost, and tells nobody
        ++starved_;
        look_again();
    }
    if (lent_ > before) {
        socket_.fill.publish();
        if (socket_.fill.needs_wakeup())
            kick(false);
    }
    if (up && !retrying_)
        flush(); // what an earlier turn could not send
}

bool Lane::send(core::FrameSlot& slot) {
    if (&slot.pool() != &memory_.pool())
        return false;
    const auto length = static_cast<std::uint32_t>(slot.frame().size());
    socket_.transmit.push(
        {.addr = address_of(memory_.lend_out(std::move(slot))), .len = length, .options = 0});
    ++unpushed_;
    ++given_;
    return true;
}

void Lane::flush() {
    if (unpushed_ > 0)
        socket_.transmit.publish();
    const std::uint32_t left = waiting();
    const std::uint32_t taken = socket_.transmit.taken();
    const bool stuck = unpushed_ == 0 && taken == taken_before_;
    unpushed_ = 0;
    taken_before_ = taken;
    if (left == 0 || !socket_.transmit.needs_wakeup())
        return;
    if (stuck)
        look_again();
    for (std::uint32_t i = 0; i < left; i += socket_.frames_per_call())
        kick(true);
}

/// Soon, even if no event makes the loop turn.
void Lane::look_again() {
    if (receiving_ && !std::exchange(retrying_, true))
        ring_.submit(handler_, retry,
                     [](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &retry_delay, 0, 0); });
}

void Lane::blank_waiting() {
    socket_.transmit.for_each_untaken([&](const xdp_desc& frame) {
        const Bytes bytes = memory_.bytes().subspan(frame.addr, frame.len);
        protocol::put_be16(bytes, protocol::ethertype_at, protocol::ethertype_nothing);
        std::ranges::fill(bytes.subspan(protocol::ethernet_header_bytes), std::byte{0});
    });
}

/// Only a failure makes the loop turn, and what the ring still holds then is sent in that turn.
void Lane::kick(bool sending) {
    ring_.submit_unwatched([&](io_uring_sqe* sqe) {
        if (sending)
            io_uring_prep_send(sqe, -1, nullptr, 0, MSG_DONTWAIT);
        else
            io_uring_prep_recv(sqe, -1, nullptr, 0, MSG_DONTWAIT);
        file_.apply(sqe);
    });
}

void Lane::stop_receiving() {
    if (!receiving_)
        return;
    receiving_ = false;
    program_.detach();
    ring_.cancel(handler_, readable);
}

} // namespace

std::unique_ptr<XdpLane> XdpLane::open(const std::string& name, const InterfaceState& interface,
                                       ring::Ring& ring, FrameMemory& memory, Receiver& receiver, bool insist,
                                       const Patience& patience) {
    if (!insist)
        check_offloads(name);
    try {
        return std::make_unique<Lane>(interface, XdpProgram::Mode::native, ring, memory, receiver, patience);
    } catch (const Refusal& refusal) {
        if (!insist || refusal.error() != EOPNOTSUPP)
            throw;
    }
    return std::make_unique<Lane>(interface, XdpProgram::Mode::generic, ring, memory, receiver, patience);
}

bool XdpLane::suits(const core::FramePool::Layout& layout) {
    return layout.frame_offset() >= kernel_headroom && layout.slot_bytes() >= smallest_chunk &&
           layout.slot_bytes() <= largest_chunk;
}

} // namespace aoetarget::net
