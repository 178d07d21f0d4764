// Commands 2 and 3: protocol/README.md, "Command 2: MAC mask list" and "Command 3: Reserve/Release".
#pragma once

#include "core/fences.hpp"

namespace aoetarget::core {

class AccessCommands {
  public:
    AccessCommands(ExportFace& face, ExportState& state, Fences& fences)
        : face_(face), state_(state), fences_(fences) {}

    /// Returns whether the command had an effect or an answer; if not, it was dropped in silence.
    bool receive_mask(LinkId link, FrameSlot slot);
    bool receive_reserve(const MacAddress& source, LinkId link, FrameSlot slot);
    /// Answers a command. After a failed edit the answer carries no list, only the number of directives that
    /// were done.
    void send_mask(FrameSlot slot, LinkId link, protocol::MaskList answer, protocol::AoeError error);
    /// Every answer, also an error, carries the present list.
    void send_reserve(FrameSlot slot, LinkId link, protocol::Reserve answer, protocol::AoeError error);

  private:
    /// Returns whether the command in this slot may set a list now. If not, it counts the command, which is
    /// to be dropped; the initiator repeats it.
    [[nodiscard]] bool may_set(const FrameSlot& slot) {
        return fences_.has_room() && state_.may_change(slot);
    }

    ExportFace& face_;
    ExportState& state_;
    Fences& fences_;
};

} // namespace aoetarget::core
