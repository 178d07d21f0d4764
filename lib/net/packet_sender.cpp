// The way of an answer from the end of the turn to its completion.
#include "net/packet_sender.hpp"

#include <cerrno>

namespace aoetarget::net {
namespace {

/// What is being sent, as the argument of its completion.
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

} // namespace

PacketSender::PacketSender(LinkContext& link, FrameMemories& memories, const LaneKeeper& lane)
    : link_(link), memories_(memories), lane_(lane), handler_(link.ring.add_handler(*this)) {}

PacketSender::~PacketSender() {
    link_.ring.remove_handler(handler_);
}

void PacketSender::open() {
    file_ = link_.ring.register_file(link_.socket.sender_fd());
    large_file_ = link_.ring.register_file(link_.socket.large_sender_fd());
}

void PacketSender::close() {
    link_.counters.tx_errors += outbox_.size() - next_; // another interface of this name has another address
    clear();
    link_.ring.undefer(*this);
    link_.ring.unregister_file(file_);
    link_.ring.unregister_file(large_file_);
}

void PacketSender::clear() {
    outbox_.clear();
    next_ = 0;
    state_ = State::empty;
}

/// No more answers wait than there are slots.
void PacketSender::drop_sent() {
    outbox_.erase(outbox_.begin(), outbox_.begin() + static_cast<std::ptrdiff_t>(next_));
    next_ = 0;
}

/// After the devices got their work: they start on it no sooner than the whole submission is through.
void PacketSender::on_turn_end() {
    const std::size_t end = std::min(outbox_.size(), next_ + group_);
    for (; next_ < end; ++next_)
        submit(std::move(outbox_[next_]));
    if (XdpLane* lane = lane_.lane())
        lane->flush();
    if (next_ == outbox_.size()) {
        clear();
        return;
    }
    state_ = State::backlog;
    link_.ring.defer(*this);
}

void PacketSender::submit(core::FrameSlot slot) {
    const Bytes frame = slot.frame();
    // What does not fit, or finds the interface down, is for the packet socket to fail.
    if (XdpLane* lane = lane_.lane(); lane != nullptr && link_.interface.carrier &&
                                      frame.size() <= link_.interface.mtu + protocol::ethernet_header_bytes &&
                                      lane->send(slot))
        return;
    const bool is_large = PacketSocket::is_large(frame);
    const ConstBytes sent = is_large ? PacketSocket::with_hint(frame) : frame;
    link_.ring.submit(handler_, Sending(std::move(slot)).argument(), [&](io_uring_sqe* sqe) {
        io_uring_prep_send(sqe, -1, sent.data(), sent.size(), 0);
        (is_large ? large_file_ : file_).apply(sqe);
    });
}

void PacketSender::on_completion(std::uint64_t argument, int result, std::uint32_t) {
    const Sending sent(argument);
    FrameMemory& memory = memories_.find(static_cast<std::uint16_t>(sent.pool));
    core::FrameSlot slot = memory.pool().adopt(static_cast<std::uint32_t>(sent.index), sent.length);
    if (result >= 0) {
        ++link_.counters.tx_frames;
        return;
    }
    ++link_.counters.tx_errors;
    if (result == -EMSGSIZE)
        link_.events.undeliverable(link_.id, std::move(slot));
}

} // namespace aoetarget::net
