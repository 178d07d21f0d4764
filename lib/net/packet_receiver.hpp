// What receives from a link's packet socket: one multishot receive into slots that are lent to the kernel.
#pragma once

#include "net/arrival_clock.hpp"
#include "net/link_context.hpp"
#include "net/link_memory.hpp"

namespace aoetarget::net {

class PacketReceiver final : private ring::CompletionHandler {
  public:
    PacketReceiver(LinkContext& link, LinkMemory& memory, ArrivalClock& clock);
    ~PacketReceiver();
    PacketReceiver(const PacketReceiver&) = delete;
    PacketReceiver& operator=(const PacketReceiver&) = delete;

    /// The link's socket is open.
    void open();
    /// It is about to be closed.
    void close();
    /// Whether frames have to tell when they arrived: takes effect with replenish().
    void tell_arrivals(bool wanted) { tells_arrivals_ = wanted; }
    [[nodiscard]] bool tells_arrivals() const { return tells_arrivals_; }
    /// Whether the socket has the kernel note when frames arrive.
    [[nodiscard]] bool is_stamped() const { return stamped_; }

    /// Lends up to `buffers` free slots to the kernel, and receives where that had stopped.
    void replenish(std::size_t buffers);
    /// Failed so often in a row that it waits for try_again().
    [[nodiscard]] bool is_resting() const { return state_ == State::resting; }
    void try_again();
    /// Ends the receive that is under way; replenish() begins the next one.
    void end();
    [[nodiscard]] bool is_under_way() const { return state_ == State::receiving || state_ == State::ending; }
    [[nodiscard]] bool quiet() const { return link_.ring.outstanding(handler_) == 0; }

  private:
    enum class State {
        idle,
        receiving,
        ending,  ///< Cancelled, and its last completion is still to come.
        resting, ///< See is_resting().
    };

    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void receive();
    void choose_header();
    void failed(int error);

    LinkContext& link_;
    LinkMemory& memory_;
    ArrivalClock& clock_;
    const ring::HandlerId handler_;
    ring::RingFile file_;
    State state_ = State::idle;
    unsigned errors_in_a_row_ = 0;
    bool tells_arrivals_ = false; ///< As other links do.
    bool stamped_ = false;        ///< The receive puts a StampedFrame's header before each frame.
};

} // namespace aoetarget::net
