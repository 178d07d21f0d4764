// An export sends each frame to the room of its command.
#include "core/export.hpp"

namespace aoetarget::core {

using namespace protocol;

Export::Export(const ExportOptions& options, std::unique_ptr<BlockDevice> device, const Geometry& geometry,
               const ProtocolState& state, const ExportContext& context)
    : face_{.context = context,
            .counters = {.address = options.address, .serial = options.serial, .sectors = geometry.sectors}},
      device_(std::move(device)), ata_(geometry, options.model, face_, state_, fences_, scheduler_),
      scheduler_(*device_, geometry, context.resources, ata_, face_.counters), config_(face_, state_),
      access_(face_, state_, fences_), fences_(face_, state_, scheduler_), state_(state, face_, *this) {}

bool Export::receive(const Header& header, LinkId link, FrameSlot slot) {
    if (header.version != aoe_version) {
        face_.fail(std::move(slot), link, AoeError::unsupported_version);
        return true;
    }
    switch (static_cast<AoeCommand>(header.command)) {
    case AoeCommand::ata:
        return ata_.receive(header, link, std::move(slot));
    case AoeCommand::query_config:
        return config_.receive(link, std::move(slot));
    case AoeCommand::mask_list:
        return access_.receive_mask(link, std::move(slot));
    case AoeCommand::reserve:
        return access_.receive_reserve(header.source, link, std::move(slot));
    }
    if (header.command >= first_vendor_command)
        return false;
    face_.fail(std::move(slot), link, AoeError::unrecognised_command);
    return true;
}

void Export::answer_change(FrameSlot slot, LinkId link, const ExportState::Answer& answer, AoeError error) {
    if (const auto* config = std::get_if<ConfigCommand>(&answer))
        config_.send(std::move(slot), link, *config, error);
    else if (const auto* mask = std::get_if<MaskList>(&answer))
        access_.send_mask(std::move(slot), link, *mask, error);
    else
        access_.send_reserve(std::move(slot), link, std::get<Reserve>(answer), error);
}

} // namespace aoetarget::core
