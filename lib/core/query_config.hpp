// Command 1: Query Config (protocol/README.md, "Command 1: Query Config").
#pragma once

#include "core/export_state.hpp"

namespace aoetarget::core {

class ConfigCommands {
  public:
    ConfigCommands(ExportFace& face, ExportState& state) : face_(face), state_(state) {}

    /// Returns whether the command had an effect or an answer; if not, it was dropped in silence.
    bool receive(LinkId link, FrameSlot slot);
    /// Answers a command. Every answer, also an error, carries the present string.
    void send(FrameSlot slot, LinkId link, protocol::ConfigCommand command, protocol::AoeError error);
    /// Writes an answer for `link` into the slot, from its arguments on. Returns its length, or 0 if the link
    /// cannot carry it.
    std::size_t write(const FrameSlot& slot, const Link& link, std::uint8_t command) const;

  private:
    ExportFace& face_;
    ExportState& state_;
};

} // namespace aoetarget::core
