// Commands 2 and 3: protocol/README.md, "Command 2: MAC mask list" and "Command 3: Reserve/Release".
#pragma once

#include "core/fences.hpp"

namespace aoetarget::core {

class AccessCommands {
  public:
    AccessCommands(ExportFace& face, ExportState& state, Fences& fences)
        : face_(face), state_(state), fences_(fences) {}

    /// Return whether the command was acted upon; false: dropped in silence.
    bool receive_mask(LinkId link, FrameSlot slot);
    bool receive_reserve(const MacAddress& source, LinkId link, FrameSlot slot);
    /// Answer a command. After a failed edit the answer carries no list, only how many directives were done.
    void send_mask(FrameSlot slot, LinkId link, protocol::MaskList answer, protocol::AoeError error);
    /// Every answer, errors too, carries the list as it is now.
    void send_reserve(FrameSlot slot, LinkId link, protocol::Reserve answer, protocol::AoeError error);

  private:
    /// Whether the command in this slot may set a list now; else it is dropped, and the initiator repeats it.
    [[nodiscard]] bool may_set(const FrameSlot& slot) const {
        return !fences_.full() && state_.may_change(slot);
    }

    ExportFace& face_;
    ExportState& state_;
    Fences& fences_;
};

} // namespace aoetarget::core
