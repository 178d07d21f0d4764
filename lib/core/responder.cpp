// Writes each kind of answer into its slot.
#include "core/responder.hpp"

#include <algorithm>

namespace aoetarget::core {

using namespace protocol;

void Responder::send(FrameSlot slot, LinkId link_id, const Address& from, AoeError error,
                     std::size_t bytes) const {
    Link* link = links.find(link_id);
    if (link == nullptr)
        return;
    const Bytes frame = slot.capacity();
    Header header = *Header::parse(frame);
    header.destination = header.source;
    header.source = link->mac();
    header.version = aoe_version;
    header.response = true;
    header.error = error;
    header.shelf = from.shelf; // the export's own address, also for a wildcard request
    header.slot = from.slot;
    header.write(frame);
    const std::size_t length = std::max(bytes, min_frame_bytes);
    std::ranges::fill(frame.subspan(bytes, length - bytes), std::byte{0});
    slot.set_length(length);
    link->send(std::move(slot));
}

AtaOutcome Responder::send_ata(FrameSlot slot, LinkId link, const Address& from, AtaRegisters registers,
                               AtaOutcome outcome, std::size_t data_bytes) const {
    if (links.find(link) == nullptr)
        return outcome;
    if (!outcome.failed() && ata_header_bytes + data_bytes > max_frame(link))
        outcome = ata_abort;
    if (outcome.failed())
        data_bytes = 0; // the count stays that of the request
    else
        registers.count = 0;
    registers.command_or_status = outcome.status;
    registers.feature_or_error = outcome.error;
    registers.write(slot.capacity());
    send(std::move(slot), link, from, AoeError::none, ata_header_bytes + data_bytes);
    return outcome;
}

void Responder::send_shorter(FrameSlot slot, LinkId link_id) const {
    Link* link = links.find(link_id);
    const Bytes frame = slot.frame();
    if (link == nullptr || frame.size() <= min_frame_bytes ||
        get_u8(frame, command_at) != static_cast<std::uint8_t>(AoeCommand::ata))
        return;
    AtaRegisters registers = *AtaRegisters::parse(frame);
    registers.count = static_cast<std::uint8_t>((frame.size() - ata_header_bytes) / sector_bytes);
    registers.command_or_status = ata_abort.status;
    registers.feature_or_error = ata_abort.error;
    registers.write(frame);
    std::ranges::fill(frame.subspan(ata_header_bytes, min_frame_bytes - ata_header_bytes), std::byte{0});
    slot.set_length(min_frame_bytes);
    link->send(std::move(slot));
}

} // namespace aoetarget::core
