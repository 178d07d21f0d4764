// A link over a packet socket: frames come in by one multishot receive into slots, and go out of the slots in
// which they lie. If the options and the interface permit it, the link has an XDP lane beside the socket.
//
// It consists of parts, each with a state of its own: PacketReceiver receives, PacketSender sends, LaneKeeper
// keeps the lane, InterfaceFollower follows the interface, and LinkMemory has the memory that all of them
// use. Shared data is in LinkContext.
#pragma once

#include "net/buffer_bound.hpp"
#include "net/interface_follower.hpp"
#include "net/interface_monitor.hpp"
#include "net/interface_rights.hpp"
#include "net/lane_keeper.hpp"
#include "net/packet_receiver.hpp"
#include "net/packet_sender.hpp"

namespace aoetarget::net {

/// Serves the interface of this name for as long as it exists, and again when it comes back.
class PacketLink final : public core::Link, private InterfaceFollower::Owner {
  public:
    /// The interface must exist. See set_addresses() for `addresses`. Without `rights` the link opens what it
    /// needs. Throws std::system_error with its name, the cause and the cure.
    PacketLink(std::string name, const InterfaceOptions& options, ring::Ring& ring, FrameMemories& memories,
               ArrivalClock& clock, LinkEvents& events, core::EventLog& log,
               const NetfilterMonitor& netfilter, std::vector<Address> addresses,
               const InterfaceRights* rights);
    ~PacketLink();

    void set_id(core::LinkId id) { link_.id = id; }
    [[nodiscard]] core::LinkId id() const { return link_.id; }
    /// The interface may go without anybody wondering.
    void expect_to_go() { link_.comes_and_goes = true; }
    /// That the interface has now, or is waited for under.
    [[nodiscard]] const std::string& name() const override { return link_.name; }
    [[nodiscard]] std::vector<std::string> names() const override { return link_.interface.names(); }
    /// Waits for the next interface under this name when this one has gone.
    void rename(const std::string& name) { follower_.rename(name); }
    /// Whether the interface has this name, be it an alternative one, or is waited for under it.
    [[nodiscard]] bool has_name(const std::string& name) const { return follower_.has_name(name); }

    /// As it was seen last.
    [[nodiscard]] const InterfaceState& interface() const { return link_.interface; }
    [[nodiscard]] core::Time carrier_since() const { return link_.carrier_since; }
    /// Returns the text of InterfaceStats::link.
    [[nodiscard]] std::string description() const;
    /// Returns the text of InterfaceStats::passes_by.
    [[nodiscard]] std::string passes_by() const;
    /// Returns the text of InterfaceStats::filters_broadcasts.
    [[nodiscard]] std::string filters_broadcasts() const {
        return lane_.is_open() ? link_.interface.rules.for_received() : "";
    }

    /// Throws std::system_error where the host insists on a lane and there is none.
    void demand_lane() const;
    /// The same for an interface that appears while the target serves: there it is an event.
    void tell_lack_of_lane() const;
    /// Takes over other options. A lane goes or is tried for as they say; that there is none although they
    /// ask for one is an event. `rights` may bring a program for it. Frames under way stay.
    void change(const InterfaceOptions& options, const InterfaceRights* rights);
    /// Looks at the interface again if the news may concern it.
    void hear(const InterfaceNews& news);
    /// Sets the addresses, ascending, for which the link lets requests in, through the socket and the lane.
    /// It always lets wildcards in.
    void set_addresses(std::vector<Address> addresses);
    /// Sets whether there are other links, so that times of arrival matter. In a single queue the order
    /// tells, and receiving without times is an eighth cheaper.
    void tell_arrivals(bool wanted);
    /// Hands over frames that have arrived without a completion. It is called at the beginning of a turn's
    /// work.
    void collect(core::Time now) { lane_.collect(now); }
    /// Lends free slots to the kernel, and receives again if that had stopped. It is called once a turn.
    void replenish();
    /// Decides whether answers leave a few at a time, with a look for new requests after each group. If a
    /// disk waits for work (`disks_wait`), the next requests should reach it while answers to the last ones
    /// are still being sent, unless those of this turn are not `independent` and bring requests that merge.
    /// If nothing waits, larger groups are cheaper.
    void send_in_groups(bool disks_wait, bool independent) {
        sender_.send_in_groups(disks_wait, independent);
    }
    /// Ends the lane for good, and returns its program for the link that takes the interface, or null. Frames
    /// that the lane had are still handed over.
    [[nodiscard]] std::shared_ptr<XdpProgram> give_up_lane() { return lane_.give_up(); }
    /// Receives no more. Frames that are being sent are still sent.
    void stop_receiving();
    /// Returns whether nothing is under way any more.
    [[nodiscard]] bool quiet() const {
        return receiver_.quiet() && sender_.quiet() && lane_.quiet() && follower_.quiet();
    }

    [[nodiscard]] MacAddress mac() const override { return link_.interface.mac; }
    [[nodiscard]] unsigned mtu() const override { return link_.interface.mtu; }
    /// Not as a port: who learns of an export here would ask in vain, since the master takes the request.
    [[nodiscard]] bool up() const override {
        return link_.interface.carrier && link_.interface.port_of.empty();
    }
    [[nodiscard]] unsigned max_buffers() const override;
    [[nodiscard]] bool has_lane() const { return lane_.is_open(); }
    /// Returns the text of InterfaceStats::buffers_bound for this number.
    [[nodiscard]] std::string buffers_bound(unsigned advertised) const {
        return buffer_bound(link_.buffer_count, advertised, max_buffers(), has_lane());
    }
    [[nodiscard]] core::FramePool& pool() override { return memory_->pool(); }
    void send(core::FrameSlot slot) override { sender_.send(std::move(slot)); }

    [[nodiscard]] LinkCounters counters() const;

  private:
    void interface_found() override;
    void interface_lost() override { close(); }
    void interface_seen(const InterfaceState& before) override;
    [[nodiscard]] bool lacks_lane() const {
        return link_.kind == LinkKind::xdp && !lane_.is_open() && !lane_.is_coming();
    }
    void close();
    void fit_memory();
    /// Returns how many slots to lend to the socket.
    std::size_t set_slots_aside();

    /// Those of another process, which serve the next interface of this name, too.
    std::shared_ptr<const PacketSockets> given_sockets_;
    LinkContext link_;
    LinkMemory memory_;
    PacketReceiver receiver_;
    LaneKeeper lane_;
    PacketSender sender_;
    InterfaceFollower follower_;
};

} // namespace aoetarget::net
