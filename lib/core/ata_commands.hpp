// Decides which ATA requests are answered at once and which become I/O (protocol/README.md, "Command 0:
// ATA").
#pragma once

#include "core/device_health.hpp"
#include "core/fences.hpp"

namespace aoetarget::core {

class AtaCommands final : public RequestSink {
  public:
    AtaCommands(const Backing& backing, std::string model, ExportFace& face, const ExportState& state,
                Fences& fences, Scheduler& scheduler, DeviceHealth& health)
        : health_(health), face_(face), state_(state), fences_(fences), scheduler_(scheduler),
          geometry_(backing.geometry), write_cache_enabled_(backing.geometry.volatile_cache),
          model_(std::move(model)) {}

    /// Returns whether the command had an effect or an answer; if not, it was dropped in silence.
    bool receive(const protocol::Header& header, LinkId link, FrameSlot slot);
    void finished(Request& request, int error, std::uint64_t bad_sector) override;
    bool give_up(Request& request) override;
    bool turn_away(Request& request) override;
    /// The geometry is that of another device. A cache that an initiator has switched off stays off.
    void device_changed(bool had_cache) {
        write_cache_enabled_ = geometry_.volatile_cache && (write_cache_enabled_ || !had_cache);
    }

    [[nodiscard]] const std::string& model() const { return model_; }

  private:
    void remember_refused(const protocol::AtaCommand& command, const protocol::AtaRegisters& registers,
                          const MacAddress& source, LinkId link, FrameSlot& slot);
    void start(Request request, FrameSlot slot);
    [[nodiscard]] AtaOutcome check_transfer(const protocol::AtaCommand& command,
                                            const protocol::AtaRegisters& registers, const SectorRange& range,
                                            LinkId link, const FrameSlot& slot) const;
    [[nodiscard]] AtaOutcome check_discard(const protocol::AtaRegisters& registers, const FrameSlot& slot,
                                           SectorRange& range) const;
    [[nodiscard]] unsigned max_dsm_sectors(LinkId link) const;
    void set_feature(const protocol::AtaRegisters& registers, Request& request, bool& needs_flush,
                     AtaOutcome& outcome);
    void count(protocol::AtaAction action, const SectorRange& range);
    void count_time(const Request& request);
    void watch_length(const Request& request) const;
    void answer(FrameSlot slot, LinkId link, const protocol::AtaRegisters& registers, AtaOutcome outcome,
                std::size_t data_bytes = 0);

    DeviceHealth& health_;
    ExportFace& face_;
    const ExportState& state_;
    Fences& fences_;
    Scheduler& scheduler_;
    const Geometry& geometry_; ///< Of the device that the export has now.
    bool write_cache_enabled_;
    const std::string model_;
};

} // namespace aoetarget::core
