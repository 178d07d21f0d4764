// The core as its owner sees it: frames, completions and the time go in; frames and device operations come
// out.
//
// Each turn of the loop: receive() for every frame that has arrived, then turn() once, which starts the
// device operations of the whole batch together and handles completed ones.
#pragma once

#include "core/address_watch.hpp"
#include "core/announcer.hpp"
#include "core/event_log.hpp"
#include "core/initiators.hpp"

namespace aoetarget::core {

class Core {
  public:
    struct Options {
        unsigned buffer_count = 128;
        std::uint16_t firmware_version = 0;
        const char* firmware = "";
        /// Memory for partial blocks and verification, besides the part of each export: see BouncePool.
        Bytes bounce_memory;
        /// Memory for reading ahead: see PieceStore. Without it nothing is read ahead.
        Bytes ahead_memory;
        std::uint64_t piece_sectors = 256;
        /// It outlives the core. If it is null, the settings of initiators are forgotten.
        StateStore* store = nullptr;
        /// It outlives the core. If it is null, nobody learns of events.
        EventLog* events = nullptr;
        /// It looks for other targets that answer for its addresses: see AddressWatch.
        bool watches_addresses = false;
        /// The seed of the keys of ContentHash. Nobody on the network may know it.
        std::uint64_t seed = 1;
    };

    explicit Core(const Options& options);
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    /// `slots` is the number of requests that the link can bring at once. The link must live until
    /// remove_link().
    LinkId add_link(Link& link, std::size_t slots);
    void remove_link(LinkId id);
    /// The link is up again, or its MTU or MAC address is another.
    void link_changed(LinkId id) {
        announcer_.link_changed(id);
        watch_.link_changed(id);
    }
    /// The link has other options. All exports are advertised there at once, and then as regularly as it
    /// says.
    void link_options_changed(LinkId id) { announcer_.options_changed(id); }

    /// The address must be free. `geometry` is that of the device, and was checked; the core does not ask the
    /// device again. `state` was saved for an export with this address; a mask list in the options replaces
    /// its list.
    void add_export(const ExportOptions& options, std::unique_ptr<BlockDevice> device,
                    const Geometry& geometry, ProtocolState state = {});
    [[nodiscard]] bool has_export(const Address& address) const { return find(address) != nullptr; }
    /// Returns null if there is no such export.
    [[nodiscard]] const Export* find_export(const Address& address) const { return find(address); }
    /// Returns the address of the export that uses the device now, or nothing.
    [[nodiscard]] std::optional<Address> find_user(const BlockDevice& device) const;
    /// Takes over all options but serial number, model and mask list: see Target::change_export(). The caller
    /// has checked them. `now` is the present time, so that what has arrived before, and is received later,
    /// can be told apart. Returns false if there is no such export.
    bool change_export(const ExportOptions& options, Time now);
    /// See Export::replace_device(). The export must exist, and the caller has checked the geometry.
    void replace_device(const Address& address, std::unique_ptr<BlockDevice> device, const Geometry& geometry,
                        const std::string& what = {});
    /// See Target::resize_export().
    std::uint64_t resize_export(const Address& address);
    /// The device is destroyed at the end of a later turn, when it is idle and flushed. Returns false if
    /// there is no such export.
    bool remove_export(const Address& address, std::shared_ptr<void> hold = {});
    /// Destroys the devices of all exports, after close(). They may call the core meanwhile, as at the end of
    /// a turn.
    void clear();
    /// Returns those of all exports, ascending.
    [[nodiscard]] const std::vector<Address>& addresses() const { return addresses_; }
    /// Returns the addresses that a link has to let in: those of the exports that it serves, ascending. The
    /// names that its interface had when both were added decide, so one that is renamed serves the same.
    [[nodiscard]] std::vector<Address> visible_addresses(LinkId link) const;
    /// Returns the buffer count that is advertised on this link now.
    [[nodiscard]] std::size_t advertised_buffers(Link& link) {
        return resources_.holdings.advertised(link.pool(), link.max_buffers());
    }
    /// Returns the same for a link that is to be added, of an interface with these names.
    [[nodiscard]] std::vector<Address> visible_addresses(const std::vector<std::string>& names) const;

    /// Tells the time, for figures: before a turn's frames are received, and before an export is added.
    void tell_time(Time now) { resources_.now = std::max(resources_.now, now); }
    /// Takes a frame, in the order of arrival as far as links know it. Returns whether the frame had an
    /// effect or an answer; if not, it was dropped in silence.
    bool receive(LinkId link, FrameSlot slot);
    /// Takes back an answer that the link refused because its MTU has shrunk.
    void undeliverable(LinkId link, FrameSlot slot) { responder_.send_shorter(std::move(slot), link); }
    /// Does the rest of a turn: see above.
    void turn(Time now);
    /// Returns when turn() has to be called even if nothing arrives, or nothing if never.
    [[nodiscard]] std::optional<Time> next_deadline() const;

    /// Returns whether operations of devices have lately lasted beyond the turn after the one in which they
    /// started. Those of disks do, those of the page cache do not.
    [[nodiscard]] bool devices_take_time() const {
        return last_waited_turn_ > 0 && resources_.turn < last_waited_turn_ + waited_turns;
    }

    /// Returns how many times devices have completed an Io in the last turn.
    [[nodiscard]] std::size_t ended_operations() const { return ended_operations_; }
    /// Returns how many operations are with devices, or wait for such operations.
    [[nodiscard]] std::size_t operations() const { return resources_.operations.lent(); }

    /// Takes no request any more. idle() is true when all are finished and all devices are flushed.
    void close();
    [[nodiscard]] bool idle() const;
    /// Tells for which exports idle() is false.
    void tell_waits() const;

    /// Returns how many more worker threads than usual the kernel should have: see Holdings.
    [[nodiscard]] std::size_t held_workers() const { return resources_.holdings.held_workers(); }

    [[nodiscard]] IoQueue& completions() { return resources_.completions; }
    [[nodiscard]] std::vector<ExportStats> export_stats(Time now) const;
    [[nodiscard]] std::vector<InitiatorStats> initiator_stats(Time now) const {
        return resources_.initiators.stats(now);
    }
    [[nodiscard]] std::uint64_t out_of_slots() const { return out_of_slots_; }
    [[nodiscard]] std::uint64_t failed_last_flushes() const { return failed_last_flushes_; }

  private:
    /// A request to several exports that has not yet been handed to all of them.
    struct Wildcard {
        FrameSlot slot;
        LinkId link = 0;
        Address next; ///< The first export that has not had the request.
    };
    static constexpr std::size_t max_wildcards = 16;
    static constexpr std::uint64_t waited_turns = 64; ///< A slow device counts for this many turns.

    [[nodiscard]] std::ptrdiff_t place_of(const Address& address) const;
    [[nodiscard]] Export* find(const Address& address) const;
    /// Returns whether an export is there for this host, on this link.
    [[nodiscard]] bool may_see_any(LinkId link, const MacAddress& host) const;
    void meet(const protocol::Header& header, LinkId link);
    bool receive_answer(LinkId link, const protocol::Header& header, ConstBytes frame);
    bool receive_wildcard(const protocol::Header& header, LinkId link, FrameSlot slot);
    bool spread(Wildcard& wildcard, bool& acted);
    bool resume_wildcards();
    void note_timeout(Time timeout);
    void note_conflicts();
    void give_up_overdue();
    void destroy_idle();
    void destroy_last_closing();
    void destroy_retired();

    /// If no slot was free for an answer, the core tries again after this time.
    static constexpr Time until_slots = std::chrono::milliseconds(10);

    std::vector<std::unique_ptr<BlockDevice>> retired_; ///< Devices to destroy at the end of the turn.
    Responder responder_;
    SchedulerResources resources_;
    Announcer announcer_;
    AddressWatch watch_;
    ExportContext context_;
    Initiators initiators_;
    std::vector<std::unique_ptr<Export>> exports_; ///< Ascending by address.
    std::vector<Address> addresses_; ///< The addresses of exports_, side by side for the search.
    std::vector<std::unique_ptr<Export>> closing_; ///< Removed exports that are not yet idle.
    std::size_t slots_ = 0;                        ///< The slots of all present links.
    std::size_t provided_slots_ = 0, provided_exports_ = 0;
    std::array<Wildcard, max_wildcards> wildcards_;
    std::size_t wildcard_count_ = 0;
    bool closed_ = false;
    std::uint64_t out_of_slots_ = 0;
    std::uint64_t failed_last_flushes_ = 0;
    std::uint64_t last_waited_turn_ = 0;
    std::size_t ended_operations_ = 0;
    Time now_{1};                         ///< The time of the last turn, or of a later change.
    Time shortest_timeout_ = Time::max(); ///< The shortest timeout that any device has had.
    std::optional<Time> next_overdue_;    ///< When a request may be overdue; empty if none is under way.
};

} // namespace aoetarget::core
