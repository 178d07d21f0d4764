// Receives from a link's packet socket, by one multishot receive into slots that are lent to the kernel.
#pragma once

#include "net/arrival_clock.hpp"
#include "net/link_context.hpp"
#include "net/link_memory.hpp"

namespace aoetarget::net {

class PacketReceiver final : private ring::RegisteredHandler {
  public:
    PacketReceiver(LinkContext& link, LinkMemory& memory, ArrivalClock& clock);

    /// Takes note that the link's socket is open.
    void open();
    /// Takes note that it is about to be closed.
    void close();
    /// Sets whether frames must have a time of arrival. It takes effect with replenish().
    void tell_arrivals(bool wanted) { tells_arrivals_ = wanted; }
    [[nodiscard]] bool tells_arrivals() const { return tells_arrivals_; }
    /// Returns whether the kernel stamps the socket's frames.
    [[nodiscard]] bool is_stamped() const { return stamped_; }

    /// Lends up to `buffers` free slots to the kernel, and receives again if that had stopped.
    void replenish(std::size_t buffers);
    /// Returns whether the receive failed so often in a row that it waits for try_again().
    [[nodiscard]] bool is_resting() const { return state_ == State::resting; }
    void try_again();
    /// Ends the receive that is under way, and asks again in each replenish() until it has; that begins the
    /// next one.
    void end();
    [[nodiscard]] bool is_under_way() const { return state_ == State::receiving || state_ == State::ending; }
    using RegisteredHandler::quiet;

  private:
    enum class State {
        idle,
        receiving,
        ending,  ///< It is cancelled, and its last completion is still to come.
        resting, ///< See is_resting().
    };

    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void receive();
    void choose_header();
    void failed(int error);

    LinkContext& link_;
    LinkMemory& memory_;
    ArrivalClock& clock_;
    ring::RingFile file_;
    State state_ = State::idle;
    unsigned errors_in_a_row_ = 0;
    bool tells_arrivals_ = false; ///< Frames must have a time of arrival.
    bool stamped_ = false;        ///< The receive puts a StampedFrame's header before each frame.
};

} // namespace aoetarget::net
