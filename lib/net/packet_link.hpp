// A link over a packet socket: frames come in by one multishot receive into slots, and go out of the slots in
// which they lie. Where it may and the interface can, it has an XDP lane beside the socket.
//
// It is put together of parts, each with a state of its own: what receives (PacketReceiver), what sends
// (PacketSender), what keeps the lane (LaneKeeper), what follows the interface (InterfaceFollower), and the
// memory that all of them use (LinkMemory). What they share is in LinkContext.
#pragma once

#include "net/interface_follower.hpp"
#include "net/lane_keeper.hpp"
#include "net/packet_receiver.hpp"
#include "net/packet_sender.hpp"

namespace aoetarget::net {

/// Serves the interface of this name for as long as it exists, and again when it comes back.
class PacketLink final : public core::Link, private InterfaceFollower::Owner {
  public:
    /// The interface must exist. `addresses`: see set_addresses(). Throws std::system_error with its
    /// name, the cause and the cure.
    PacketLink(std::string name, const InterfaceOptions& options, ring::Ring& ring, FrameMemories& memories,
               ArrivalClock& clock, LinkEvents& events, std::vector<Address> addresses);
    ~PacketLink();

    void set_id(core::LinkId id) { link_.id = id; }
    [[nodiscard]] core::LinkId id() const { return link_.id; }
    [[nodiscard]] const std::string& name() const { return link_.name; }

    /// How frames come and go now, and why not otherwise, for people: InterfaceStats::link.
    [[nodiscard]] std::string description() const { return lane_.description(); }

    /// Looks at the interface again: something may have happened to it.
    void refresh() { follower_.look(); }
    /// What to let in, ascending: requests for these, through the socket and the lane, and wildcards.
    void set_addresses(std::vector<Address> addresses);
    /// There are other links now, or no longer: whether it matters when a frame arrived. In a single queue
    /// the order tells, and receiving is an eighth cheaper without.
    void tell_arrivals(bool wanted);
    /// Hands over what has arrived and no completion tells of. Called at the beginning of a turn's work.
    void collect(core::Time now) { lane_.collect(now); }
    /// Lends free slots to the kernel, and receives again if that had stopped. Called once a turn.
    void replenish();
    /// Whether answers leave a few at a time, with a look at what has come in after each few. Where a disk
    /// waits for work (`disks_wait`), the next requests should reach it while answers to the last ones are
    /// still being sent, unless those of this turn are not `independent` and bring requests that merge; where
    /// nothing waits, the larger the group the cheaper.
    void send_in_groups(bool disks_wait, bool independent) {
        sender_.send_in_groups(disks_wait, independent);
    }
    /// Receives no more; what is being sent is sent.
    void stop_receiving();
    /// Nothing is under way any more.
    [[nodiscard]] bool quiet() const {
        return receiver_.quiet() && sender_.quiet() && lane_.quiet() && follower_.quiet();
    }

    [[nodiscard]] MacAddress mac() const override { return link_.interface.mac; }
    [[nodiscard]] unsigned mtu() const override { return link_.interface.mtu; }
    [[nodiscard]] bool up() const override { return link_.interface.carrier; }
    [[nodiscard]] unsigned max_buffers() const override;
    [[nodiscard]] core::FramePool& pool() override { return memory_->pool(); }
    void send(core::FrameSlot slot) override { sender_.send(std::move(slot)); }

    [[nodiscard]] LinkCounters counters() const;

  private:
    void interface_found() override;
    void interface_lost() override { close(); }
    void interface_seen(const InterfaceState& before) override;
    void close();
    void fit_memory();

    LinkContext link_;
    LinkMemory memory_;
    PacketReceiver receiver_;
    LaneKeeper lane_;
    PacketSender sender_;
    InterfaceFollower follower_;
};

} // namespace aoetarget::net
