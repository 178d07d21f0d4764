// What the commands of an export share, besides what initiators have set: who it is, through what it answers,
// and what it counts.
#pragma once

#include "core/protocol_state.hpp"
#include "core/resources.hpp"
#include "core/responder.hpp"

#include <aoetarget/stats.hpp>

namespace aoetarget::core {

/// Told when an export has changed in a way that initiators should learn of unasked.
class AnnouncementSink {
  public:
    virtual void changed(const Address& address) = 0;

  protected:
    ~AnnouncementSink() = default;
};

/// What every export of a target has in common.
struct ExportContext {
    Responder& responder;
    SchedulerResources& resources;
    AnnouncementSink& announcements;
    unsigned buffer_count;
    std::uint16_t firmware_version;
    const char* firmware;
    StateStore* store; ///< Null: nothing outlives the target.
};

struct ExportFace {
    const ExportContext& context;
    ExportStats counters; ///< With the export's address and its serial number.

    void send(FrameSlot slot, LinkId link, protocol::AoeError error, std::size_t bytes) const {
        context.responder.send(std::move(slot), link, counters.address, error, bytes);
    }
    /// An AoE error that carries no arguments.
    void fail(FrameSlot slot, LinkId link, protocol::AoeError error) {
        ++counters.aoe_errors;
        context.responder.send_error(std::move(slot), link, counters.address, error);
    }
    /// The longest answer that can be written into this slot and leave through this link.
    [[nodiscard]] std::size_t max_answer(LinkId link, const FrameSlot& slot) const {
        return context.responder.max_answer(link, slot);
    }
};

} // namespace aoetarget::core
