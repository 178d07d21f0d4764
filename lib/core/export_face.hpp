// The data that the commands of an export share, besides the settings of initiators: its identity, its way to
// answer, and its counters.
#pragma once

#include "core/event_log.hpp"
#include "core/protocol_state.hpp"
#include "core/resources.hpp"
#include "core/responder.hpp"

#include <aoetarget/block_device.hpp>
#include <aoetarget/stats.hpp>

#include <memory>
#include <vector>

namespace aoetarget::core {

/// Learns when an export has changed in a way that initiators should be told.
class AnnouncementSink {
  public:
    virtual void changed(const Address& address) = 0;
    /// The same on one link only.
    virtual void changed(const Address& address, LinkId link) = 0;

  protected:
    ~AnnouncementSink() = default;
};

/// The data that all exports of a target have in common.
struct ExportContext {
    Responder& responder;
    SchedulerResources& resources;
    AnnouncementSink& announcements;
    std::uint16_t firmware_version;
    const char* firmware;
    StateStore* store;                                  ///< Null without a state directory.
    EventLog* events;                                   ///< Null if nobody learns of events.
    std::vector<std::unique_ptr<BlockDevice>>& retired; ///< Devices to destroy at the end of the turn.
};

struct ExportFace {
    const ExportContext& context;
    ExportStats counters; ///< It also has the export's address and serial number.

    void send(FrameSlot slot, LinkId link, protocol::AoeError error, std::size_t bytes) const {
        context.responder.send(std::move(slot), link, counters.address, error, bytes);
    }
    /// Counts a request of this initiator, whatever becomes of it. Returns whether the initiator is in no
    /// hurry: then the LengthWatch looks at it.
    bool count(const MacAddress& initiator, RequestKind kind) const {
        const std::uint32_t crowd =
            context.resources.initiators.count(initiator, counters.address, kind, context.resources.now);
        if (crowd == LengthWatch::crowd)
            context.resources.lengths.forget(initiator, counters.address);
        return crowd < LengthWatch::crowd;
    }
    /// Returns whether anybody learns of events.
    [[nodiscard]] bool is_heard() const { return context.events != nullptr; }
    /// Reports an event of this export. It allocates, so the path of a request must not call it.
    void tell(Severity severity, EventKind kind, std::string text) const {
        if (context.events != nullptr)
            context.events->tell(severity, kind, to_string(counters.address), std::move(text));
    }
    /// Answers with an AoE error without arguments.
    void fail(FrameSlot slot, LinkId link, protocol::AoeError error) {
        ++counters.aoe_errors;
        context.responder.send_error(std::move(slot), link, counters.address, error);
    }
    /// Returns the length of the longest answer that fits this slot and this link.
    [[nodiscard]] std::size_t max_answer(LinkId link, const FrameSlot& slot) const {
        return context.responder.max_answer(link, slot);
    }
};

} // namespace aoetarget::core
