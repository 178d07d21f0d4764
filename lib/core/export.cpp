#include "core/export.hpp"

namespace aoetarget::core {

using namespace protocol;

Export::Export(const ExportOptions& options, std::unique_ptr<BlockDevice> device, const Context& context)
    : address_(options.address), serial_(options.serial), model_(options.model), context_(context),
      device_(std::move(device)), geometry_(device_->geometry()),
      scheduler_(*device_, geometry_, context.resources, *this),
      write_cache_enabled_(geometry_.volatile_cache) {
    for (const MacAddress& mac : options.mask_list)
        mask_list_.add(mac);
}

bool Export::receive(const Header& header, LinkId link, FrameSlot slot) {
    if (!mask_list_.permits(header.source))
        return false;
    if (header.version != aoe_version) {
        fail(std::move(slot), link, AoeError::unsupported_version);
        return true;
    }
    switch (static_cast<AoeCommand>(header.command)) {
    case AoeCommand::ata:
        return receive_ata(header, link, std::move(slot));
    case AoeCommand::query_config:
        return receive_config(header, link, std::move(slot));
    case AoeCommand::mask_list:
        return receive_mask(header, link, std::move(slot));
    case AoeCommand::reserve:
        return receive_reserve(header, link, std::move(slot));
    }
    if (header.command >= first_vendor_command)
        return false;
    fail(std::move(slot), link, AoeError::unrecognised_command);
    return true;
}

void Export::fail(FrameSlot slot, LinkId link, AoeError error) {
    ++counters_.aoe_errors;
    context_.responder.send_error(std::move(slot), link, address_, error);
}

ExportStats Export::stats() const {
    ExportStats stats = counters_;
    stats.address = address_;
    stats.serial = serial_;
    stats.sectors = geometry_.sectors;
    stats.device_operations = scheduler_.counters().device_operations;
    stats.duplicates = scheduler_.counters().duplicates;
    stats.ordered = scheduler_.counters().ordered;
    stats.patched = scheduler_.counters().patched;
    stats.flush_errors = scheduler_.counters().flush_errors;
    stats.stale += scheduler_.counters().stale;
    stats.dropped += scheduler_.counters().dropped;
    stats.in_flight = scheduler_.in_flight();
    return stats;
}

} // namespace aoetarget::core
