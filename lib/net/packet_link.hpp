// A link over a packet socket: frames come in by one multishot receive into slots, and go out of the slots in
// which they lie. Where it may and the interface can, it has an XDP lane beside the socket.
#pragma once

#include <aoetarget/target.hpp>

#include "core/link.hpp"
#include "net/arrival_clock.hpp"
#include "net/packet_socket.hpp"
#include "net/refusal.hpp"
#include "net/xdp_lane.hpp"

#include <vector>

namespace aoetarget::net {

/// Where a link's frames and events go.
class LinkEvents {
  public:
    /// Returns whether anybody acted upon the frame.
    virtual bool received(core::LinkId link, core::FrameSlot slot) = 0;
    /// The interface refused this answer as too long for it.
    virtual void undeliverable(core::LinkId link, core::FrameSlot slot) = 0;
    /// Up again, or another MTU or MAC address.
    virtual void changed(core::LinkId link) = 0;

  protected:
    ~LinkEvents() = default;
};

/// Serves the interface of this name for as long as it exists, and again when it comes back.
class PacketLink final : public core::Link,
                         private ring::CompletionHandler,
                         private ring::Deferred,
                         private XdpLane::Receiver {
  public:
    struct Counters {
        std::uint64_t rx_frames = 0, rx_dropped = 0, rx_oversized = 0, rx_starved = 0, rx_ignored = 0;
        std::uint64_t tx_frames = 0, tx_errors = 0;
    };

    /// The interface must exist. `addresses`: of the exports, ascending. Throws std::system_error with its
    /// name, the cause and the cure.
    PacketLink(std::string name, const InterfaceOptions& options, ring::Ring& ring, FrameMemories& memories,
               ArrivalClock& clock, LinkEvents& events, std::vector<Address> addresses);
    ~PacketLink();

    void set_id(core::LinkId id) { id_ = id; }
    [[nodiscard]] core::LinkId id() const { return id_; }
    [[nodiscard]] const std::string& name() const { return name_; }

    /// How frames come and go now, and why not otherwise, for people: InterfaceStats::link.
    [[nodiscard]] std::string description() const;

    /// Looks at the interface again: something may have happened to it.
    void refresh();
    /// The exports are others.
    void set_addresses(std::vector<Address> addresses);
    /// There are other links now, or no longer: whether it matters when a frame arrived. In a single queue
    /// the order tells, and receiving is an eighth cheaper without.
    void tell_arrivals(bool wanted);
    /// Hands over what has arrived and no completion tells of. Called at the beginning of a turn's work.
    void collect(core::Time now);
    /// Lends free slots to the kernel, and receives again if that had stopped. Called once a turn.
    void replenish();
    /// Whether answers leave a few at a time, with a look at what has come in after each few. Where a disk
    /// waits for work (`disks_wait`), the next requests should reach it while answers to the last ones are
    /// still being sent, unless those of this turn are not `independent` and bring requests that merge; where
    /// nothing waits, the larger the group the cheaper.
    void send_in_groups(bool disks_wait, bool independent) {
        small_groups_ = disks_wait && (has_backlog_ ? small_groups_ : independent);
    }
    /// Receives no more; what is being sent is sent.
    void stop_receiving();
    /// Nothing is under way any more.
    [[nodiscard]] bool quiet() const {
        return ring_.outstanding(handler_) == 0 && outbox_.empty() && (lane_ == nullptr || lane_->quiet());
    }

    [[nodiscard]] MacAddress mac() const override { return interface_.mac; }
    [[nodiscard]] unsigned mtu() const override { return interface_.mtu; }
    [[nodiscard]] bool up() const override { return interface_.carrier; }
    [[nodiscard]] unsigned max_buffers() const override;
    [[nodiscard]] core::FramePool& pool() override { return memory_->pool(); }
    void send(core::FrameSlot slot) override;

    [[nodiscard]] Counters counters() const;

  private:
    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void on_turn_end() override;
    void lane_received(core::FrameSlot slot) override;
    void on_received(int result, std::uint32_t flags);
    void on_sent(core::FrameSlot slot, int result);
    void submit_send(core::FrameSlot slot);
    void receive();
    void choose_receive();
    void open(const InterfaceState& interface);
    void close();
    void try_lane(const Patience& patience);
    void close_lane();
    void set_destinations();
    void update_lane();
    void retry_later();
    [[nodiscard]] std::size_t wanted_buffers() const;
    void set_aside();
    [[nodiscard]] core::FramePool::Layout wanted_layout() const;
    [[nodiscard]] bool memory_fits() const;
    [[nodiscard]] bool socket_is_behind() const;
    void fit_memory();
    void wait_for_memory();

    const std::string name_;
    const LinkKind kind_;
    ring::Ring& ring_;
    FrameMemories& memories_;
    ArrivalClock& clock_;
    LinkEvents& events_;
    const ring::HandlerId handler_;
    core::LinkId id_ = 0;

    InterfaceState interface_;
    PacketSocket socket_;
    ring::RingFile file_, sender_file_, large_sender_file_;
    std::vector<Address> addresses_;
    FrameMemory* memory_ = nullptr;
    bool waits_for_memory_ = false; ///< Other memory is to follow, and there is no room for it now.
    std::unique_ptr<XdpLane> lane_;
    std::optional<Refusal> no_lane_;     ///< Why there was none the last time.
    bool lane_is_due_ = false;           ///< To be tried as soon as there is memory for it.
    std::uint64_t lane_waits_until_ = 0; ///< Counted in frames: see socket_is_behind().
    bool retrying_ = false;
    unsigned lane_attempts_ = 0;  ///< Still to be made where somebody else has the interface's.
    bool receiving_ = false;      ///< A multishot receive is under way.
    bool stamped_ = false;        ///< It puts a StampedFrame's header before each frame.
    bool tells_arrivals_ = false; ///< As other links do.
    bool wanted_ = true;          ///< And should be.
    unsigned errors_in_a_row_ = 0;
    std::vector<core::FrameSlot> outbox_; ///< To be sent from next_out_ on.
    std::size_t next_out_ = 0;
    bool small_groups_ = false;
    bool has_backlog_ = false; ///< Of answers from an earlier turn.
    core::Time now_{};         ///< Of this turn.
    core::Time emptied_{};     ///< When nothing was left in the lane.
    mutable Counters counters_;
};

} // namespace aoetarget::net
