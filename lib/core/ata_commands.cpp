// Checks each ATA request, and answers it.
#include "core/ata_commands.hpp"

#include "core/mutation.hpp"
#include "core/request_kind.hpp"
#include "protocol/identify.hpp"

namespace aoetarget::core {

using namespace protocol;

namespace {

constexpr unsigned most_dsm_sectors = 8; // of ranges in one DATA SET MANAGEMENT
/// Programs that ask of their own accord have this bit in their tags, and often ask the same thing again
/// (lib/protocol/README.md, "aoetools").
constexpr std::uint32_t tool_tag = 0x8000'0000;

} // namespace

bool AtaCommands::receive(const Header& header, LinkId link, FrameSlot slot) {
    const auto registers = AtaRegisters::parse(slot.frame());
    if (!registers)
        return false;
    const AtaCommand& command = ata_command(registers->command_or_status);
    const bool in_no_hurry = face_.count(header.source, kind_of(command.action));
    if (header.is_wildcard() && !command.allowed_on_wildcard)
        return false;
    if (command.needs_reservation && !state_.may_use(header.source) && !mutated(Mutation::ignore_reserve)) {
        ++face_.counters.aoe_errors;
        remember_refused(command, *registers, header.source, link, slot);
        registers->write(slot.capacity());
        face_.send(std::move(slot), link, AoeError::target_is_reserved, ata_header_bytes);
        return true;
    }
    Request request;
    request.link = link;
    request.source = header.source;
    request.registers = *registers;
    request.command = command;
    request.is_watched = in_no_hurry && (header.tag & tool_tag) == 0;
    start(std::move(request), std::move(slot));
    return true;
}

void AtaCommands::remember_refused(const AtaCommand& command, const AtaRegisters& registers,
                                   const MacAddress& source, LinkId link, FrameSlot& slot) {
    Request change;
    AtaOutcome outcome = ata_abort;
    if (command.action == AtaAction::write) {
        change.range = {command.lba48 ? registers.lba48() : registers.lba28(), registers.count};
        outcome = check_transfer(command, registers, change.range, link, slot);
    } else if (command.action == AtaAction::data_set_management) {
        outcome = check_discard(registers, slot, change.range);
    }
    if (outcome.failed() || change.range.count == 0)
        return;
    change.registers = registers;
    change.command = command;
    change.source = source;
    change.slot = std::move(slot);
    scheduler_.admission().remember_refused(change);
    slot = std::move(change.slot);
}

/// `slot` is that of the request.
void AtaCommands::start(Request request, FrameSlot slot) {
    const AtaCommand command = request.command;
    const AtaRegisters registers = request.registers;
    const LinkId link = request.link;
    AtaOutcome outcome = ata_success;
    request.durable = command.durable || !write_cache_enabled_;
    bool needs_device = false;

    switch (command.action) {
    case AtaAction::abort:
        outcome = ata_abort;
        break;
    case AtaAction::read:
    case AtaAction::write:
    case AtaAction::verify: {
        std::uint64_t count = registers.count;
        if (command.action == AtaAction::verify && count == 0)
            count = command.lba48 ? 65536 : 256;
        request.range = {command.lba48 ? registers.lba48() : registers.lba28(), count};
        outcome = check_transfer(command, registers, request.range, link, slot);
        needs_device = true;
        break;
    }
    case AtaAction::data_set_management:
        outcome = check_discard(registers, slot, request.range);
        needs_device = request.range.count > 0;
        break;
    case AtaAction::flush:
    case AtaAction::standby:
        needs_device = !geometry_.read_only && !mutated(Mutation::forget_flush);
        break;
    case AtaAction::idle:
    case AtaAction::check_power_mode:
        break;
    case AtaAction::diagnostic:
        outcome.error = 0x01; // device 0 passed
        break;
    case AtaAction::identify:
        ++face_.counters.other_commands;
        write_identify(slot.capacity().subspan(ata_header_bytes, sector_bytes),
                       {.serial = face_.counters.serial,
                        .model = model_,
                        .firmware = face_.context.firmware,
                        .geometry = geometry_,
                        .write_cache_enabled = write_cache_enabled_,
                        .max_dsm_sectors = max_dsm_sectors(link)});
        if (request.is_watched)
            watch_length(request);
        answer(std::move(slot), link, registers, ata_success, sector_bytes);
        return;
    case AtaAction::set_features:
        set_feature(registers, request, needs_device, outcome);
        break;
    }

    if (outcome.failed() || !needs_device) {
        ++face_.counters.other_commands;
        answer(std::move(slot), link, registers, outcome);
        return;
    }
    if (changes_data(command.action) && state_.is_past_fence(slot) && !mutated(Mutation::late_past_fence)) {
        ++face_.counters.stale;
        face_.context.resources.traffic.note(TrafficWatch::Sign::late, request.source);
        return; // a list may have excluded its host in between
    }
    Request* admitted = face_.context.resources.requests.take();
    if (admitted == nullptr) { // none is left: requests of a replaced interface are still under way
        ++face_.counters.dropped;
        return;
    }
    *admitted = std::move(request);
    admitted->slot = std::move(slot);
    scheduler_.admit(admitted);
}

/// Returns how many sectors of ranges IDENTIFY names for this link. The link may have carried more when an
/// initiator asked, so a longer list that arrives whole is not refused for that.
unsigned AtaCommands::max_dsm_sectors(LinkId id) const {
    const Link* link = face_.context.responder.links.find(id);
    return link != nullptr ? std::clamp(link->sectors_per_frame(), 1U, most_dsm_sectors) : 1;
}

/// Commands that cannot be carried out at all are refused before ranges that lie outside.
AtaOutcome AtaCommands::check_transfer(const AtaCommand& command, const AtaRegisters& registers,
                                       const SectorRange& range, LinkId link, const FrameSlot& slot) const {
    const bool data_out = (registers.flags & ata_flag_write) != 0;
    switch (command.action) {
    case AtaAction::read:
        if (data_out || range.count == 0)
            return ata_abort;
        if (ata_header_bytes + range.bytes() > face_.max_answer(link, slot))
            return ata_abort;
        break;
    case AtaAction::write:
        if (!data_out || range.count == 0 || geometry_.read_only)
            return ata_abort;
        if (ata_header_bytes + range.bytes() > slot.frame().size())
            return ata_abort;
        break;
    default:
        break;
    }
    return range.fits(geometry_.sectors) ? ata_success : ata_not_found;
}

/// `range` becomes the span of the list, from the first sector that it names to the last.
AtaOutcome AtaCommands::check_discard(const AtaRegisters& registers, const FrameSlot& slot,
                                      SectorRange& range) const {
    const std::size_t bytes = registers.count * sector_bytes;
    const bool data_out = (registers.flags & ata_flag_write) != 0;
    const bool discards = geometry_.discard || mutated(Mutation::trim_anyway);
    if (!discards || geometry_.read_only || !data_out || registers.count == 0 ||
        registers.count > most_dsm_sectors || (registers.feature_or_error & dsm_trim) == 0 ||
        ata_header_bytes + bytes > slot.frame().size())
        return ata_abort;
    const Bytes list = slot.frame().subspan(ata_header_bytes, bytes);
    std::uint64_t first = geometry_.sectors;
    std::uint64_t end = 0;
    for (std::size_t i = 0; i < list.size() / dsm_entry_bytes; ++i) {
        const SectorRange entry = dsm_entry(list, i);
        if (entry.count == 0)
            continue;
        if (!entry.fits(geometry_.sectors) && !mutated(Mutation::trim_to_the_end))
            return ata_not_found; // nothing was discarded
        first = std::min(first, entry.first);
        end = std::max(end, entry.end());
    }
    range = first < end ? SectorRange{first, end - first} : SectorRange{};
    return ata_success;
}

void AtaCommands::set_feature(const AtaRegisters& registers, Request& request, bool& needs_flush,
                              AtaOutcome& outcome) {
    switch (static_cast<SetFeature>(registers.feature_or_error)) {
    case SetFeature::enable_write_cache:
        if (geometry_.volatile_cache)
            write_cache_enabled_ = true;
        else
            outcome = ata_abort;
        return;
    case SetFeature::disable_write_cache:
        // From here on writes are durable. Writes that were answered before, or are under way, are made
        // durable too, and a copy of such a request has to wait for that.
        needs_flush = request.barrier = geometry_.volatile_cache && !geometry_.read_only;
        write_cache_enabled_ = false;
        return;
    case SetFeature::set_transfer_mode:
    case SetFeature::disable_look_ahead:
    case SetFeature::enable_look_ahead:
    case SetFeature::disable_revert_to_defaults:
    case SetFeature::enable_revert_to_defaults:
        return;
    }
    outcome = ata_abort;
}

void AtaCommands::answer(FrameSlot slot, LinkId link, const AtaRegisters& registers, AtaOutcome outcome,
                         std::size_t data_bytes) {
    if (ata_command(registers.command_or_status).action == AtaAction::check_power_mode) {
        // Only this answer has a count with a meaning: active or idle.
        AtaRegisters answered = registers;
        answered.count = 0xFF;
        answered.command_or_status = outcome.status;
        answered.feature_or_error = outcome.error;
        answered.write(slot.capacity());
        face_.send(std::move(slot), link, AoeError::none, ata_header_bytes);
        return;
    }
    const AtaOutcome sent = face_.context.responder.send_ata(std::move(slot), link, face_.counters.address,
                                                             registers, outcome, data_bytes);
    if (sent.failed())
        ++face_.counters.ata_errors;
}

void AtaCommands::count(AtaAction action, const SectorRange& range) {
    switch (kind_of(action)) {
    case RequestKind::read:
        ++face_.counters.reads;
        face_.counters.sectors_read += range.count;
        break;
    case RequestKind::write:
        ++face_.counters.writes;
        face_.counters.sectors_written += range.count;
        break;
    case RequestKind::flush:
        ++face_.counters.flushes;
        break;
    case RequestKind::discard:
        ++face_.counters.discards;
        break;
    case RequestKind::other:
        ++face_.counters.other_commands;
        break;
    }
}

/// Call this just before the answer.
void AtaCommands::count_time(const Request& request) {
    const auto kind = static_cast<std::size_t>(kind_of(request.command.action));
    face_.counters.latency[kind].add(face_.context.resources.now - request.slot.arrival());
}

/// Call this just before the answer, which is a success.
void AtaCommands::watch_length(const Request& request) const {
    const ExportContext& context = face_.context;
    const Link* link = context.responder.links.find(request.link);
    if (link == nullptr || context.events == nullptr)
        return;
    const AtaAction action = request.command.action;
    const AtaRegisters& registers = request.registers;
    const bool is_write = action == AtaAction::write;
    const std::size_t sectors = is_write || action == AtaAction::read ? request.range.count
                                : action == AtaAction::identify       ? 1
                                                                      : 0;
    const LengthWatch::Exchange exchange{
        .request =
            registers.lba48() << 16 | std::uint64_t{registers.command_or_status} << 8 | registers.count,
        .bytes = std::max(min_frame_bytes, ata_header_bytes + sectors * sector_bytes),
        .is_greeting = action == AtaAction::identify,
        .is_write = is_write};
    const auto finding = context.resources.lengths.note(request.source, face_.counters.address, exchange,
                                                        context.resources.now);
    if (finding)
        context.events->tell(Severity::warning, EventKind::frames_too_large, to_string(request.source),
                             to_text(*finding, face_.counters.address, link->name()));
}

void AtaCommands::finished(Request& request, int error, std::uint64_t bad_sector) {
    const AtaAction action = request.command.action;
    const Time now = face_.context.resources.holdings.now();
    auto outcome = outcome_of(action, error);
    if (request.given_up) {
        health_.ended_late(request, error, now);
        request.slot = {};
        fences_.release();
        return;
    }
    if (error == 0)
        health_.succeeded(request, now);
    count(action, request.range);
    if (outcome && outcome->failed() && !health_.answers_failure(request, error, now))
        outcome.reset();
    if (!outcome) {
        ++face_.counters.dropped;
        request.slot = {};
    } else {
        AtaRegisters registers = request.registers;
        if (action == AtaAction::verify && outcome->failed()) {
            const std::uint8_t device_bits = registers.lba[3] & 0xF0;
            registers.set_lba48(bad_sector);
            if (!request.command.lba48)
                registers.lba[3] = static_cast<std::uint8_t>((registers.lba[3] & 0x0F) | device_bits);
        }
        const std::size_t data_bytes = action == AtaAction::read ? request.range.bytes() : 0;
        count_time(request);
        if (request.is_watched && !outcome->failed())
            watch_length(request);
        answer(std::move(request.slot), request.link, registers, *outcome, data_bytes);
    }
    fences_.release();
}

/// The device may still use the request's own slot, so the answer takes another one.
bool AtaCommands::give_up(Request& request) {
    auto slot = request.slot.pool().take();
    if (!slot)
        return false;
    std::ranges::copy(request.slot.capacity().first(ata_header_bytes), slot->capacity().begin());
    request.given_up = true;
    count(request.command.action, request.range);
    count_time(request);
    health_.timed_out(request);
    answer(std::move(*slot), request.link, request.registers, ata_device_fault);
    return true;
}

/// A request that is dropped has no time of its own. If requests that were given up take its place, its
/// repetitions would be dropped, too, and current Linux initiators crash when a request is not answered for
/// 180 seconds. A disk that hangs at a few places and is merely busy otherwise brings no error.
bool AtaCommands::turn_away(Request& request) {
    if (2 * health_.hanging() < scheduler_.account().slots || health_.hanging() == 0)
        return false;
    count(request.command.action, request.range);
    count_time(request);
    answer(std::move(request.slot), request.link, request.registers, ata_device_fault);
    return true;
}

} // namespace aoetarget::core
