// What keeps a link's XDP lane: when it is tried for, when it is open, and from when on its frames may be
// looked at.
#pragma once

#include "net/link_context.hpp"
#include "net/packet_receiver.hpp"
#include "net/refusal.hpp"
#include "net/xdp_lane.hpp"

#include <memory>
#include <optional>
#include <string>

namespace aoetarget::net {

class LaneKeeper final : private ring::CompletionHandler, private XdpLane::Receiver {
  public:
    LaneKeeper(LinkContext& link, LinkMemory& memory, PacketReceiver& receiver);
    ~LaneKeeper();
    LaneKeeper(const LaneKeeper&) = delete;
    LaneKeeper& operator=(const LaneKeeper&) = delete;

    /// Null where there is none.
    [[nodiscard]] XdpLane* lane() const { return lane_.get(); }
    [[nodiscard]] bool is_open() const { return lane_ != nullptr; }
    /// Why there was none the last time.
    [[nodiscard]] const std::optional<Refusal>& refusal() const { return refusal_; }
    [[nodiscard]] std::string description() const;

    /// Tries for a lane at once, where the link may have one. Before the loop turns it is waited for.
    void open();
    /// Hands over what may be looked at, and sends what waits. The link's memory is then to be replaced.
    void close();
    /// The interface was another before.
    void follow(const InterfaceState& before);
    /// The exports or the MAC address are others.
    void update_destinations();
    /// Frames have to tell when they arrived, or no longer.
    void tell_arrivals(bool wanted);
    /// Other memory is to follow, and there is no room for it now: until then the packet socket serves from
    /// those slots that were not with a lane.
    void lack_memory();

    /// Hands over what has arrived, at the beginning of a turn's work.
    void collect(core::Time now) {
        now_ = now;
        if (lane_ != nullptr && !is_behind())
            receive();
    }
    /// Tries for a lane where one is due, and has it go on. Once a turn.
    void replenish();
    /// Takes nothing in any more; what is being sent is sent.
    void stop();
    [[nodiscard]] bool quiet() const {
        return link_.ring.outstanding(handler_) == 0 && (lane_ == nullptr || lane_->quiet());
    }

    /// Slots that it has for receiving. What a lane that is gone had is not there.
    [[nodiscard]] std::size_t slots() const {
        return lane_ != nullptr ? lane_->slots() : memory_->with_lane();
    }
    /// Adds what the lane has counted itself.
    void count(LinkCounters& counters) const;

  private:
    enum class State {
        none,    ///< Not to be had, or not wanted.
        waiting, ///< Another has it: tried for again by and by.
        due,     ///< Tried for in the next replenish().
        lacking, ///< Due, and there is no memory for it.
        behind,  ///< Open, and what waits in the socket is older: see is_behind().
        open,
    };

    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void lane_received(core::FrameSlot slot) override;
    void try_for(const Patience& patience);
    void refused(const Refusal& refusal);
    void wait();
    void set_destinations();
    void receive();
    [[nodiscard]] bool is_behind() const {
        return state_ == State::behind && link_.counters.rx_frames < behind_until_ &&
               (link_.socket.has_frames() || link_.ring.has_completions());
    }

    LinkContext& link_;
    LinkMemory& memory_;
    PacketReceiver& receiver_;
    const ring::HandlerId handler_;
    State state_ = State::none;
    std::unique_ptr<XdpLane> lane_; ///< While behind or open.
    std::optional<Refusal> refusal_;
    unsigned attempts_left_ = 0;     ///< Where another has the interface's lane.
    std::uint64_t behind_until_ = 0; ///< Counted in frames.
    core::Time now_{};               ///< Of this turn.
    core::Time emptied_{};           ///< When nothing was left in the lane.
};

} // namespace aoetarget::net
