// The way out of the core: a request's slot becomes its answer.
#pragma once

#include "core/link.hpp"
#include "core/outcome.hpp"

#include <algorithm>

namespace aoetarget::core {

/// Turns requests into answers in place (lib/protocol/README.md, "Building an answer") and hands them to the
/// link on which the request came in. The arguments of the command must already be in the slot.
class Responder {
  public:
    LinkTable links;

    /// `bytes` is the length of the answer up to its last meaningful byte. Nothing is sent if the link is
    /// gone.
    void send(FrameSlot slot, LinkId link, const Address& from, protocol::AoeError error,
              std::size_t bytes) const;
    /// Answers with an AoE error without arguments.
    void send_error(FrameSlot slot, LinkId link, const Address& from, protocol::AoeError error) const {
        send(std::move(slot), link, from, error, protocol::aoe_header_bytes);
    }
    /// `registers` are those of the request. `data_bytes` of data lie in the slot; if they do not fit the
    /// link, a success becomes ABRT. Returns the outcome that was sent.
    AtaOutcome send_ata(FrameSlot slot, LinkId link, const Address& from, protocol::AtaRegisters registers,
                        AtaOutcome outcome, std::size_t data_bytes) const;
    /// Sends ABRT in place of an answer that the link could not send because its MTU has just shrunk
    /// (lib/protocol/README.md, "Sectors in a frame").
    void send_shorter(FrameSlot slot, LinkId link) const;

    /// Returns the length of the longest answer that can leave through this link, 0 if it is gone.
    [[nodiscard]] std::size_t max_frame(LinkId link) const {
        const Link* found = links.find(link);
        return found != nullptr ? found->max_frame() : 0;
    }
    /// Returns the length of the longest answer that fits this slot and this link.
    [[nodiscard]] std::size_t max_answer(LinkId link, const FrameSlot& slot) const {
        return std::min(max_frame(link), slot.capacity().size());
    }
};

} // namespace aoetarget::core
