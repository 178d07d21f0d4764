// One export: its identity, who may use it, and what it does with each command that is addressed to it.
#pragma once

#include <aoetarget/stats.hpp>
#include <aoetarget/target.hpp>

#include "core/audience.hpp"
#include "core/protocol_state.hpp"
#include "core/responder.hpp"
#include "core/scheduler.hpp"

#include <memory>
#include <variant>

namespace aoetarget::core {

/// Told when an export has changed in a way that initiators should learn of unasked.
class AnnouncementSink {
  public:
    virtual void changed(const Address& address) = 0;

  protected:
    ~AnnouncementSink() = default;
};

class Export final : private RequestSink, private StateSaver {
  public:
    /// What every export of a target has in common.
    struct Context {
        Responder& responder;
        SchedulerResources& resources;
        AnnouncementSink& announcements;
        unsigned buffer_count;
        std::uint16_t firmware_version;
        const char* firmware;
        StateStore* store; ///< Null: nothing outlives the target.
    };

    /// `options.serial` is not empty, `options.mask_list` is in the state; everything was checked by the
    /// caller.
    Export(const ExportOptions& options, std::unique_ptr<BlockDevice> device, const Geometry& geometry,
           const ProtocolState& state, const Context& context);

    [[nodiscard]] const Address& address() const { return address_; }

    /// Who sees it: the hosts on the mask list, and nobody once it is closed.
    [[nodiscard]] Audience audience() const {
        if (closed_)
            return Audience::nobody();
        return open_to_all_ ? Audience::everybody() : Audience::of(state_.mask_list);
    }

    /// Takes a frame of a host in the audience that is addressed to this export and passed the tests of
    /// protocol.md 1.1 up to number 5. Returns whether it was acted upon; false: dropped in silence.
    bool receive(const protocol::Header& header, LinkId link, FrameSlot slot);

    /// Writes a Query Config answer for `link` into the slot, from its arguments on. Returns its length, or 0
    /// where the link cannot carry it.
    std::size_t write_config(const FrameSlot& slot, const Link& link, std::uint8_t command) const;

    /// Room for so many requests at once.
    void reserve(std::size_t requests) { scheduler_.reserve(requests + 1); } // and the flush at the end
    /// Takes no request any more, ends what is under way, flushes. Done when idle().
    void close() {
        closed_ = true;
        scheduler_.close();
    }
    [[nodiscard]] bool idle() const { return scheduler_.idle() && !change_.slot; }

    [[nodiscard]] const ExportStats& stats() const { return counters_; }

  private:
    /// An answer that waits until no change of an excluded source is under way (the fencing rule, protocol.md
    /// 5).
    struct Fence {
        FrameSlot slot;
        LinkId link = 0;
        std::size_t bytes = 0;
        std::uint64_t before = 0;
        Sender* holder = nullptr; ///< Counts the slot.
    };
    static constexpr std::size_t max_fences = 16;

    /// The command that has changed the state, and whose answer waits until that is saved.
    struct Change {
        using Answer = std::variant<protocol::ConfigCommand, protocol::MaskList, protocol::Reserve>;

        FrameSlot slot; ///< Empty: no change is under way.
        LinkId link = 0;
        Answer answer;
        ProtocolState state; ///< What holds from when it is saved.
    };

    // Command 0 (ata_commands.cpp)
    bool receive_ata(const protocol::Header& header, LinkId link, FrameSlot slot);
    void remember_refused(const protocol::AtaCommand& command, const protocol::AtaRegisters& registers,
                          const MacAddress& source, LinkId link, FrameSlot& slot);
    void start_ata(const protocol::AtaCommand& command, const protocol::AtaRegisters& registers,
                   const protocol::Header& header, LinkId link, FrameSlot slot);
    [[nodiscard]] AtaOutcome check_transfer(const protocol::AtaCommand& command,
                                            const protocol::AtaRegisters& registers, const SectorRange& range,
                                            LinkId link, const FrameSlot& slot) const;
    [[nodiscard]] AtaOutcome check_discard(const protocol::AtaRegisters& registers, const FrameSlot& slot,
                                           SectorRange& range) const;
    [[nodiscard]] unsigned max_dsm_sectors(LinkId link) const;
    void set_feature(const protocol::AtaRegisters& registers, Request& request, bool& needs_flush,
                     AtaOutcome& outcome);
    void answer(FrameSlot slot, LinkId link, const protocol::AtaRegisters& registers, AtaOutcome outcome,
                std::size_t data_bytes = 0);
    void finished(Request& request, int error, std::uint64_t bad_sector) override;

    // Command 1 (query_config.cpp)
    bool receive_config(const protocol::Header& header, LinkId link, FrameSlot slot);
    void send_config(FrameSlot slot, LinkId link, protocol::ConfigCommand command, protocol::AoeError error);

    // Commands 2 and 3 (access.cpp)
    bool receive_mask(const protocol::Header& header, LinkId link, FrameSlot slot);
    bool receive_reserve(const protocol::Header& header, LinkId link, FrameSlot slot);
    static protocol::MaskError edit_mask(MacList& list, ConstBytes frame, std::size_t capacity,
                                         std::uint8_t& directives);
    void send_mask(FrameSlot slot, LinkId link, protocol::MaskList answer, protocol::AoeError error);
    void send_reserve(FrameSlot slot, LinkId link, protocol::Reserve answer, protocol::AoeError error);
    void send_fenced(FrameSlot slot, LinkId link, std::size_t bytes);
    [[nodiscard]] bool is_fencing() const;
    void release_fences();
    /// By the reservation.
    [[nodiscard]] bool may_use(const MacAddress& source) const {
        return open_to_all_ || state_.reservation.permits(source);
    }
    /// By one of the lists: closed or not, its changes must not come after the answer that excludes it.
    [[nodiscard]] bool excluded(const MacAddress& source) const {
        return !state_.mask_list.permits(source) || !may_use(source);
    }

    // Changes of the state (export.cpp)
    ProtocolState& begin_change(const FrameSlot& slot);
    void commit(FrameSlot slot, LinkId link, const Change::Answer& answer);
    void saved(int error) override;
    void apply_change(FrameSlot slot);
    void answer_change(FrameSlot slot, protocol::AoeError error);
    /// Whether the command arrived before the last that set a part of the state, which it must not undo.
    [[nodiscard]] bool is_late(const FrameSlot& slot) const { return slot.arrival() < state_changed_; }
    /// Whether a change of the data arrived when other hosts may have been permitted than now.
    [[nodiscard]] bool is_past_fence(const FrameSlot& slot) const { return slot.arrival() < lists_changed_; }

    void fail(FrameSlot slot, LinkId link, protocol::AoeError error);

    const Address address_;
    const std::string serial_;
    const std::string model_;
    const Context context_;
    const std::unique_ptr<BlockDevice> device_;
    const Geometry geometry_;
    // What each request needs is side by side, the rest behind it: where there are many exports, little of
    // each is in the processor's cache.
    bool write_cache_enabled_;
    bool open_to_all_; ///< Neither of the lists in the state has an entry.
    bool closed_ = false;
    std::size_t fence_count_ = 0;
    Time lists_changed_ = Time::min(); ///< When that arrived which last changed who is permitted.
    ExportStats counters_;
    Scheduler scheduler_;

    ProtocolState state_;
    Change change_;
    Time state_changed_ = Time::min(); ///< When the frame arrived that last set it, to what it was or not.
    std::array<Fence, max_fences> fences_;
    bool save_failed_ = false; ///< Either state may be on the disk, the old or the new one.
};

} // namespace aoetarget::core
