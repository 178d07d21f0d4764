// Begins and ends the multishot receive, and handles its completions.
#include "net/packet_receiver.hpp"

#include "net/stamped_frame.hpp"

#include <cerrno>
#include <utility>

#include <sys/socket.h>

namespace aoetarget::net {
namespace {

constexpr std::uint64_t receive_argument = 0;

// A receive that fails this often without a frame in between is tried again later.
constexpr unsigned max_errors_in_a_row = 16;

} // namespace

PacketReceiver::PacketReceiver(LinkContext& link, LinkMemory& memory, ArrivalClock& clock)
    : RegisteredHandler(link.ring), link_(link), memory_(memory), clock_(clock) {}

void PacketReceiver::open() {
    file_ = link_.ring.register_file(link_.socket.fd());
    try_again();
}

void PacketReceiver::close() {
    end();
    link_.ring.unregister_file(file_);
}

void PacketReceiver::try_again() {
    errors_in_a_row_ = 0;
    if (state_ == State::resting)
        state_ = State::idle;
}

/// It is cancelled each time this is called, because the kernel does not find a receive that it is just about
/// to resume.
void PacketReceiver::end() {
    if (!is_under_way())
        return;
    state_ = State::ending;
    cancel(receive_argument);
}

void PacketReceiver::replenish(std::size_t buffers) {
    if (state_ == State::ending)
        end();
    choose_header();
    if (memory_->lend(buffers) && state_ == State::idle && link_.serving && link_.socket.is_open())
        receive();
}

/// Lent buffers begin elsewhere with and without stamps, so the receive has to end first.
void PacketReceiver::choose_header() {
    if (is_under_way()) {
        if (tells_arrivals_ != stamped_)
            end();
        return;
    }
    if (std::exchange(stamped_, tells_arrivals_) != tells_arrivals_ && link_.socket.is_open())
        link_.socket.stamp(stamped_);
    memory_->set_header(stamped_ ? StampedFrame::header_bytes : 0);
}

void PacketReceiver::receive() {
    static msghdr message = StampedFrame::message(); // never written
    state_ = State::receiving;
    submit(receive_argument, [&](io_uring_sqe* sqe) {
        // With MSG_TRUNC the completion tells the real length of a frame that did not fit its slot.
        if (stamped_)
            io_uring_prep_recvmsg_multishot(sqe, -1, &message, MSG_TRUNC);
        else
            io_uring_prep_recv_multishot(sqe, -1, nullptr, 0, MSG_TRUNC);
        file_.apply(sqe);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = memory_->group();
    });
}

void PacketReceiver::on_completion(std::uint64_t, int result, std::uint32_t flags) {
    if ((flags & IORING_CQE_F_MORE) == 0)
        state_ = State::idle;
    if (result < 0 || (flags & IORING_CQE_F_BUFFER) == 0) {
        if ((flags & IORING_CQE_F_BUFFER) != 0)
            memory_->received(static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT), 0);
        if (result < 0)
            failed(-result);
        return;
    }
    const auto buffer = static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
    auto length = static_cast<std::size_t>(result);
    std::optional arrival = core::Time{}; // unknown
    if (stamped_) {
        const StampedFrame frame(memory_->header(buffer));
        length = frame.length();
        if (frame.stamp())
            arrival = clock_.arrival(*frame.stamp());
    }
    core::FrameSlot slot = memory_->received(buffer, length);
    errors_in_a_row_ = 0;
    ++link_.counters.rx_frames;
    slot.set_arrival(arrival.value_or(core::Time{}));
    if (!arrival)
        ++link_.counters.rx_dropped;
    else if (length > memory_->pool().frame_capacity())
        ++link_.counters.rx_oversized;
    else
        link_.deliver(std::move(slot));
}

void PacketReceiver::failed(int error) {
    if (error == ECANCELED)
        return;
    if (error == ENOBUFS) {
        ++link_.counters.rx_starved; // every slot is in use, so frames wait in the socket
        return;
    }
    if (++errors_in_a_row_ >= max_errors_in_a_row && state_ == State::idle)
        state_ = State::resting; // ENETDOWN, and the next receive waits until the interface is up
}

} // namespace aoetarget::net
