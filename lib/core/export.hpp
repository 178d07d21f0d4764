// One export: its device, the settings that initiators made, and a part for each command that is addressed to
// it:
//
// - ata_commands.hpp: command 0, whose requests pass the scheduler (scheduler.hpp),
// - query_config.hpp: command 1,
// - access.hpp: commands 2 and 3, whose answers may have to wait (fences.hpp).
//
// These share the export's identity (export_face.hpp) and its settings (export_state.hpp).
#pragma once

#include <aoetarget/options.hpp>

#include "core/access.hpp"
#include "core/ata_commands.hpp"
#include "core/query_config.hpp"

#include <memory>
#include <string>
#include <vector>

namespace aoetarget::core {

class Export final : private ExportState::Answerer, private FlushSink {
  public:
    /// `options.serial` is not empty, and `options.mask_list` is in the state. The caller has checked
    /// everything.
    Export(const ExportOptions& options, std::unique_ptr<BlockDevice> device, const Geometry& geometry,
           const ProtocolState& state, const ExportContext& context);

    [[nodiscard]] const Address& address() const { return face_.counters.address; }

    /// Returns the hosts that see the export over this link: those that the operator and the mask list admit,
    /// none if the export is not served on the interface, and none once it is closed.
    [[nodiscard]] Audience audience(LinkId link) const {
        return closed_ || !serves(link) ? Audience::nobody() : state_.audience();
    }
    /// Returns whether the export is served on any interface, or on all that will come.
    [[nodiscard]] bool has_interface() const { return interfaces_.empty() || !links_.empty(); }
    /// Returns whether anybody may see the export on the interface that has these names.
    [[nodiscard]] bool serves(const std::vector<std::string>& names) const;
    /// Takes note of a new link, of the interface that has these names, and of one that has gone.
    void add_link(LinkId link, const std::vector<std::string>& names);
    void remove_link(LinkId link) { std::erase(links_, link); }

    /// Takes a frame that is addressed to this export, comes from a host in its audience, and passed the
    /// tests of Core::receive(). Returns whether it had an effect or an answer; if not, it was dropped in
    /// silence.
    bool receive(const protocol::Header& header, LinkId link, FrameSlot slot);

    /// Writes a Query Config answer: see ConfigCommands.
    std::size_t write_config(const FrameSlot& slot, const Link& link, std::uint8_t command) const {
        return config_.write(slot, link, command);
    }

    /// Asks the device for its capacity, and takes over a larger one. Returns the capacity in sectors.
    std::uint64_t resize();
    [[nodiscard]] std::uint64_t device_sectors() const { return device_sectors_; }

    /// Makes room for this many requests at once.
    void reserve(std::size_t requests) { scheduler_.reserve(requests + own_flushes); }
    /// An export flushes on its own before another device takes over, and at its end.
    static constexpr std::size_t own_flushes = 2;

    [[nodiscard]] const Geometry& geometry() const { return backing_.geometry; }
    [[nodiscard]] const std::string& model() const { return ata_.model(); }
    /// Takes over all options but serial number, model and mask list. Requests that were admitted before are
    /// finished and answered. Returns whether the export is served on an interface now where it was not.
    bool change(const ExportOptions& options, Time now);
    /// `device` takes over when the present one has ended the operations that were admitted before, and has
    /// flushed. It must have at least as many sectors. Requests wait meanwhile. If another device is waiting
    /// to take over, this one takes its place. The event has `what`, the options that differ.
    void replace_device(std::unique_ptr<BlockDevice> device, const Geometry& geometry,
                        const std::string& what);

    /// Answers the requests that the device has not finished within its timeout. Returns when this has to be
    /// done again, or nothing if no request is under way.
    std::optional<Time> give_up_overdue(Time now);

    /// Asks about the device, and the one that waits to take over.
    template <typename Predicate>
    [[nodiscard]] bool has_device(Predicate predicate) const {
        return predicate(*backing_.device) || (next_ && predicate(*next_->device));
    }

    /// Returns whether this is the device that has the operations now.
    [[nodiscard]] bool uses(const BlockDevice& device) const { return backing_.device.get() == &device; }

    /// Takes no request any more, ends those under way, and flushes. This is done when idle() is true. `hold`
    /// is let go when the device has been destroyed.
    void close(std::shared_ptr<void> hold = {}) {
        hold_ = std::move(hold);
        closed_ = true;
        scheduler_.close();
    }
    /// Tells what it has under way while the target stops.
    void tell_wait() const;
    [[nodiscard]] bool idle() const { return scheduler_.idle() && !state_.is_changing(); }

    /// Of the flush at its end: an errno value, or 0.
    [[nodiscard]] int last_flush_error() const { return last_flush_error_; }

    [[nodiscard]] const std::string& serial() const { return face_.counters.serial; }
    [[nodiscard]] ExportStats stats(Time now) const;
    /// Tells whether another target answers for the address with another disk.
    void set_conflict(bool has_conflict) { health_.set_conflict(has_conflict); }

  private:
    [[nodiscard]] bool serves(LinkId link) const {
        return interfaces_.empty() || std::ranges::find(links_, link) != links_.end();
    }
    void answer_change(FrameSlot slot, LinkId link, const ExportState::Answer& answer,
                       protocol::AoeError error) override;
    void flushed(int error) override;
    void take_over();
    /// Tells which links the export came to, and which it left.
    struct Moves {
        std::vector<LinkId> came, left;
    };
    Moves move_to(const std::vector<std::string>& interfaces);

    // The members that each request needs come first: with many exports, little of each is in the processor's
    // cache.
    bool closed_ = false;
    std::shared_ptr<void> hold_;          ///< Before the device, so it is destroyed after that.
    std::vector<std::string> interfaces_; ///< Names and patterns; empty for all interfaces.
    std::vector<LinkId> links_;           ///< The links of these.
    ExportFace face_;
    Backing backing_;
    std::uint64_t device_sectors_; ///< As the device has told last.
    DeviceHealth health_;
    AtaCommands ata_;
    Scheduler scheduler_;
    ConfigCommands config_;
    AccessCommands access_;
    Fences fences_;
    ExportState state_;
    Time timeout_;                ///< Zero if the device may take any time.
    int last_flush_error_ = 0;    ///< The error of the flush at its end, or 0.
    std::optional<Backing> next_; ///< The device that waits to take over.
    std::string next_options_;    ///< What is different with it, for the event.
    bool must_resize_ = false;    ///< As soon as that has taken over.
};

} // namespace aoetarget::core
