// Takes an answer from the end of the turn to its completion.
#include "net/packet_sender.hpp"

#include <cassert>
#include <cerrno>

namespace aoetarget::net {
namespace {

// An interface that has had no room for an answer for this long takes no more of it: a hundred attempts, and
// initiators repeat what they have asked.
constexpr std::uint8_t max_attempts = 100;
__kernel_timespec attempt_interval{.tv_sec = 0, .tv_nsec = 1'000'000}; // never written
/// The argument of the wait between attempts. No frame is so long.
constexpr std::uint64_t wait_argument = (1ULL << 48) - 1;

/// Identifies a frame that is being sent, as the argument of its completion.
struct Sending {
    static constexpr unsigned length_bits = 17, index_bits = 13, attempt_bits = 7, pool_bits = 11;
    static_assert(protocol::ata_header_bytes + protocol::max_sectors_per_frame * sector_bytes <
                  (1U << length_bits) - 1);
    static_assert(max_attempts < 1U << attempt_bits);

    std::uint64_t length;
    std::uint64_t index; ///< The slot's index.
    std::uint64_t attempts;
    std::uint64_t pool;

    Sending(core::FrameSlot slot, std::uint8_t attempts_before)
        : length(slot.frame().size()), index(slot.index()), attempts(attempts_before),
          pool(slot.pool().id()) {
        assert(index < 1U << index_bits && pool < 1U << pool_bits);
        std::move(slot).release();
    }
    explicit Sending(std::uint64_t argument)
        : length(argument & ((1U << length_bits) - 1)),
          index(argument >> length_bits & ((1U << index_bits) - 1)),
          attempts(argument >> (length_bits + index_bits) & ((1U << attempt_bits) - 1)),
          pool(argument >> (length_bits + index_bits + attempt_bits)) {}
    [[nodiscard]] std::uint64_t argument() const {
        return ((pool << attempt_bits | attempts) << index_bits | index) << length_bits | length;
    }
};

} // namespace

PacketSender::PacketSender(LinkContext& link, FrameMemories& memories, const LaneKeeper& lane)
    : RegisteredHandler(link.ring), link_(link), memories_(memories), lane_(lane) {}

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

/// Removes the answers that were sent, so that the outbox has room for those of all slots.
void PacketSender::drop_sent() {
    outbox_.erase(outbox_.begin(), outbox_.begin() + static_cast<std::ptrdiff_t>(next_));
    next_ = 0;
}

/// This comes after the devices got their work, because they start only when the whole submission is through.
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

void PacketSender::submit(Answer answer) {
    core::FrameSlot& slot = answer.slot;
    const Bytes frame = slot.frame();
    // The packet socket gets, and counts as failed, frames that do not fit or find the interface down, and
    // what has waited for room, for it tells of each frame whether there was some.
    if (XdpLane* lane = lane_.lane();
        lane != nullptr && link_.may_send_through_lane() && answer.attempts == 0 &&
        frame.size() <= link_.interface.mtu + protocol::ethernet_header_bytes && lane->send(slot))
        return;
    const bool is_large = link_.socket.needs_hint(frame);
    const ConstBytes sent = is_large ? PacketSocket::with_hint(frame) : frame;
    RegisteredHandler::submit(Sending(std::move(slot), answer.attempts).argument(), [&](io_uring_sqe* sqe) {
        io_uring_prep_send(sqe, -1, sent.data(), sent.size(), 0);
        (is_large ? large_file_ : file_).apply(sqe);
    });
}

void PacketSender::on_completion(std::uint64_t argument, int result, std::uint32_t) {
    if (argument == wait_argument) {
        try_again();
        return;
    }
    const Sending sent(argument);
    FrameMemory& memory = memories_.find(static_cast<std::uint16_t>(sent.pool));
    core::FrameSlot slot = memory.pool().adopt(static_cast<std::uint32_t>(sent.index), sent.length);
    if (result >= 0) {
        ++link_.counters.tx_frames;
        return;
    }
    // The device's ring is full (ENOBUFS), or the socket has as many frames in a queue as it may (EAGAIN).
    if (result == -ENOBUFS || result == -EAGAIN) {
        keep_or_give_up({.slot = std::move(slot), .attempts = static_cast<std::uint8_t>(sent.attempts)});
        return;
    }
    ++link_.counters.tx_errors;
    if (result == -EMSGSIZE)
        link_.events.undeliverable(link_.id, std::move(slot));
}

/// Without a carrier the kernel says that there was no room, too.
void PacketSender::keep_or_give_up(Answer answer) {
    if (link_.interface.carrier && link_.socket.is_open())
        keep(std::move(answer));
    else
        ++link_.counters.tx_errors;
}

/// Keeps an answer for which there was no room. All others wait too, because no event tells when there is
/// room again, and each attempt that fails costs as much as one that succeeds.
void PacketSender::keep(Answer answer) {
    if (answer.attempts >= max_attempts) {
        ++link_.counters.tx_errors;
        return;
    }
    ++link_.counters.tx_retries;
    if (outbox_.size() == outbox_.capacity())
        drop_sent();
    outbox_.push_back(std::move(answer));
    if (state_ == State::full)
        return;
    state_ = State::full;
    link_.ring.undefer(*this);
    RegisteredHandler::submit(wait_argument,
                              [](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &attempt_interval, 0, 0); });
}

/// Those that have waited too long without coming to an attempt are given up by the next one.
void PacketSender::try_again() {
    if (state_ != State::full)
        return; // closed meanwhile
    for (std::size_t i = next_; i < outbox_.size(); ++i)
        outbox_[i].attempts = std::min<std::uint8_t>(outbox_[i].attempts + 1, max_attempts);
    state_ = State::backlog;
    link_.ring.defer(*this);
}

} // namespace aoetarget::net
