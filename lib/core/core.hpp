// The core as its owner sees it: frames, completions and the time go in; frames and device operations come
// out.
//
// Each turn of the loop: receive() for every frame that has arrived, then turn() once, which starts the
// device operations of the whole batch together and handles what has completed.
#pragma once

#include "core/announcer.hpp"

namespace aoetarget::core {

class Core {
  public:
    struct Options {
        unsigned buffer_count = 128;
        std::uint16_t firmware_version = 0;
        const char* firmware = "";
        /// For partial blocks and verification, besides what each export has for itself: see BouncePool.
        Bytes bounce_memory;
        /// For reading ahead: see PieceStore. None: nothing is read ahead.
        Bytes ahead_memory;
        std::uint64_t piece_sectors = 256;
        /// Outlives the core; null: what initiators change is forgotten.
        StateStore* store = nullptr;
        /// Of the keys by which contents are told apart. Nobody on the network may know it.
        std::uint64_t seed = 1;
    };

    explicit Core(const Options& options);
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    /// `slots`: how many requests the link can bring at once. The link must stay until remove_link().
    LinkId add_link(Link& link, std::size_t slots);
    void remove_link(LinkId id);
    /// The link is up again, or its MTU or MAC address is another.
    void link_changed(LinkId id) { announcer_.link_changed(id); }

    /// The address must be free. `geometry`: what the device has said, and was checked; it is not asked
    /// again. `state`: what was saved of an export with this address; a mask list in the options is stronger.
    void add_export(const ExportOptions& options, std::unique_ptr<BlockDevice> device,
                    const Geometry& geometry, ProtocolState state = {});
    /// The device is destroyed at the end of a later turn, when it is idle and flushed. False: no such
    /// export.
    bool remove_export(const Address& address);
    /// After close(): destroys the devices of all exports. They may call the core meanwhile, as at the end of
    /// a turn.
    void clear();
    [[nodiscard]] bool has_export(const Address& address) const { return find(address) != nullptr; }
    /// What links have to let in: the addresses of all exports that somebody sees, ascending.
    [[nodiscard]] std::vector<Address> visible_addresses() const;

    /// Takes a frame, in the order of arrival as far as links know it. Returns whether anybody acted upon it;
    /// false: dropped in silence.
    bool receive(LinkId link, FrameSlot slot);
    /// An answer that the link refused because its MTU has shrunk.
    void undeliverable(LinkId link, FrameSlot slot) { responder_.send_shorter(std::move(slot), link); }
    /// Everything else that is to be done: see above.
    void turn(Time now);
    /// When turn() has to be called even if nothing arrives; empty: never.
    [[nodiscard]] std::optional<Time> next_deadline() const;

    /// Whether devices have lately taken longer than to the turn after that in which they were given work, as
    /// disks do and the page cache does not.
    [[nodiscard]] bool devices_take_time() const {
        return last_waited_turn_ > 0 && resources_.turn < last_waited_turn_ + waited_turns;
    }

    /// How many times devices have completed something in the last turn.
    [[nodiscard]] std::size_t ended_operations() const { return ended_operations_; }
    /// How many operations are with devices, or wait for such.
    [[nodiscard]] std::size_t operations() const { return resources_.operations.lent(); }

    /// No request is taken any more; idle() when all are finished and all devices flushed.
    void close();
    [[nodiscard]] bool idle() const;

    /// How many worker threads the kernel should have beyond those of always: see Holdings.
    [[nodiscard]] std::size_t held_workers() const { return resources_.holdings.held_workers(); }

    [[nodiscard]] IoQueue& completions() { return resources_.completions; }
    [[nodiscard]] std::vector<ExportStats> export_stats() const;
    [[nodiscard]] std::uint64_t out_of_slots() const { return out_of_slots_; }

  private:
    /// A request to several exports that has not yet been handed to all of them.
    struct Wildcard {
        FrameSlot slot;
        LinkId link = 0;
        Address next; ///< The first that has not had it.
    };
    static constexpr std::size_t max_wildcards = 16;
    static constexpr std::uint64_t waited_turns = 64; ///< For so long a slow device counts.

    [[nodiscard]] std::ptrdiff_t place_of(const Address& address) const;
    [[nodiscard]] Export* find(const Address& address) const;
    bool receive_wildcard(LinkId link, FrameSlot slot);
    bool spread(Wildcard& wildcard, bool& acted);
    bool resume_wildcards();
    void destroy_idle();

    Responder responder_;
    SchedulerResources resources_;
    Announcer announcer_;
    ExportContext context_;
    std::vector<std::unique_ptr<Export>> exports_; ///< Ascending by address.
    std::vector<Address> addresses_;               ///< Of exports_, side by side for the search.
    std::vector<std::unique_ptr<Export>> closing_; ///< Removed, and not yet idle.
    std::size_t slots_ = 0;                        ///< Of all links that are there.
    std::size_t provided_slots_ = 0, provided_flushes_ = 0;
    std::array<Wildcard, max_wildcards> wildcards_;
    std::size_t wildcard_count_ = 0;
    bool closed_ = false;
    std::uint64_t out_of_slots_ = 0;
    std::uint64_t last_waited_turn_ = 0;
    std::size_t ended_operations_ = 0;
    Time now_{1}; ///< Of the last turn.
};

} // namespace aoetarget::core
