// One export: its device, what initiators have set of it, and a room for each command that is addressed to
// it:
//
// - ata_commands.hpp: command 0, whose requests pass the scheduler (scheduler.hpp),
// - query_config.hpp: command 1,
// - access.hpp: commands 2 and 3, whose answers may have to wait (fences.hpp).
//
// They share who the export is (export_face.hpp) and what was set (export_state.hpp).
#pragma once

#include <aoetarget/options.hpp>

#include "core/access.hpp"
#include "core/ata_commands.hpp"
#include "core/query_config.hpp"

#include <memory>

namespace aoetarget::core {

class Export final : private ExportState::Answerer {
  public:
    /// `options.serial` is not empty, `options.mask_list` is in the state; everything was checked by the
    /// caller.
    Export(const ExportOptions& options, std::unique_ptr<BlockDevice> device, const Geometry& geometry,
           const ProtocolState& state, const ExportContext& context);

    [[nodiscard]] const Address& address() const { return face_.counters.address; }

    /// Who sees it: the hosts on the mask list, and nobody once it is closed.
    [[nodiscard]] Audience audience() const { return closed_ ? Audience::nobody() : state_.audience(); }

    /// Takes a frame that is addressed to this export, of a host in its audience, and passed the tests of
    /// Core::receive(). Returns whether it was acted upon; false: dropped in silence.
    bool receive(const protocol::Header& header, LinkId link, FrameSlot slot);

    /// Writes a Query Config answer: see ConfigCommands.
    std::size_t write_config(const FrameSlot& slot, const Link& link, std::uint8_t command) const {
        return config_.write(slot, link, command);
    }

    /// Room for so many requests at once.
    void reserve(std::size_t requests) { scheduler_.reserve(requests + 1); } // and the flush at the end
    /// Takes no request any more, ends what is under way, flushes. Done when idle().
    void close() {
        closed_ = true;
        scheduler_.close();
    }
    [[nodiscard]] bool idle() const { return scheduler_.idle() && !state_.is_changing(); }

    [[nodiscard]] const ExportStats& stats() const { return face_.counters; }

  private:
    void answer_change(FrameSlot slot, LinkId link, const ExportState::Answer& answer,
                       protocol::AoeError error) override;

    // What each request needs is in front: where there are many exports, little of each is in the processor's
    // cache.
    bool closed_ = false;
    ExportFace face_;
    const std::unique_ptr<BlockDevice> device_;
    AtaCommands ata_;
    Scheduler scheduler_;
    ConfigCommands config_;
    AccessCommands access_;
    Fences fences_;
    ExportState state_;
};

} // namespace aoetarget::core
