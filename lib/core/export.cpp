// Passes each frame to the part of the export that handles its command.
#include "core/export.hpp"

#include "core/mutation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <fnmatch.h>

namespace aoetarget::core {

using namespace protocol;

Export::Export(const ExportOptions& options, std::unique_ptr<BlockDevice> device, const Geometry& geometry,
               const ProtocolState& state, const ExportContext& context)
    : interfaces_(options.interfaces), face_{.context = context,
                                             .counters = {.address = options.address,
                                                          .serial = options.serial,
                                                          .sectors = geometry.sectors}},
      backing_(std::move(device), geometry), device_sectors_(geometry.sectors),
      health_(options, backing_, face_),
      ata_(backing_, options.model, face_, state_, fences_, scheduler_, health_),
      scheduler_(backing_, context.resources, ata_, *this, face_.counters), config_(face_, state_),
      access_(face_, state_, fences_), fences_(face_, state_, scheduler_),
      state_(options, state, face_, *this), timeout_(options.device_timeout) {}

bool Export::change(const ExportOptions& options, Time now) {
    const Moves moves = move_to(options.interfaces);
    state_.change(options, !moves.left.empty(), now);
    health_.change(options);
    timeout_ = options.device_timeout;
    for (const LinkId link : moves.came)
        face_.context.announcements.changed(address(), link);
    return !moves.came.empty();
}

/// The names that interfaces had when they, or the list, came count, so the same list changes nothing.
Export::Moves Export::move_to(const std::vector<std::string>& interfaces) {
    Moves moves;
    if (interfaces == interfaces_)
        return moves;
    const LinkTable& links = face_.context.responder.links;
    std::vector<LinkId> before;
    links.for_each([&](LinkId link) {
        if (serves(link))
            before.push_back(link);
    });
    interfaces_ = interfaces;
    links_.clear();
    links.for_each([&](LinkId link) {
        add_link(link, links.find(link)->names());
        const bool was_served = std::ranges::find(before, link) != before.end();
        if (serves(link) != was_served)
            (was_served ? moves.left : moves.came).push_back(link);
    });
    return moves;
}

void Export::replace_device(std::unique_ptr<BlockDevice> device, const Geometry& geometry,
                            const std::string& what) {
    if (next_)
        face_.context.retired.push_back(std::move(next_->device));
    else
        scheduler_.drain();
    next_.emplace(std::move(device), geometry);
    next_options_ = what;
    if (mutated(Mutation::swap_at_once))
        take_over();
}

/// An export flushes before another device takes over, and at its end. Of a disk that is gone the flush
/// fails, and while writes were answered only when they were stable, that loses none of them.
void Export::flushed(int error) {
    if (error != 0 && (!next_ || closed_ || backing_.geometry.volatile_cache)) {
        ++face_.counters.flush_errors;
        health_.end_unflushed(error);
    }
    if (next_)
        take_over();
    else
        last_flush_error_ = error;
}

void Export::take_over() {
    const Geometry before = backing_.geometry;
    face_.context.retired.push_back(std::move(backing_.device));
    backing_ = std::move(*next_);
    next_.reset();
    face_.counters.sectors = device_sectors_ = backing_.geometry.sectors;
    scheduler_.device_changed();
    ata_.device_changed(before.volatile_cache);
    health_.device_changed();
    std::string text = "Requests go to the device that was opened anew.";
    if (!next_options_.empty())
        text += fmt::format(" It has other options now: {}.", next_options_);
    if (backing_.geometry.sectors > before.sectors)
        text += fmt::format(" It has {} sectors more, {} now: on Linux initiators, 'aoe-revalidate {}' takes "
                            "them over.",
                            backing_.geometry.sectors - before.sectors, backing_.geometry.sectors,
                            to_string(address()));
    face_.tell(Severity::notice, EventKind::export_swapped, std::move(text));
    face_.context.announcements.changed(address());
    if (std::exchange(must_resize_, false))
        resize();
}

void Export::tell_wait() const {
    const std::uint64_t requests = face_.counters.in_flight;
    face_.tell(
        Severity::warning, EventKind::stop_waits,
        fmt::format("The target is stopping, and waits for the device, which {}. To end without waiting, "
                    "stop the target a second time (aoetarget: a second SIGTERM).",
                    requests == 0 ? "has not finished its last flush"
                                  : fmt::format("has not finished {} {}", requests,
                                                requests == 1 ? "request" : "requests")));
}

std::optional<Time> Export::give_up_overdue(Time now) {
    if (timeout_ == Time{})
        return std::nullopt;
    const std::optional<Time> oldest = scheduler_.give_up(now - timeout_);
    return oldest ? std::optional(*oldest + timeout_) : std::nullopt;
}

ExportStats Export::stats(Time now) const {
    const auto since = [&](Time then) { return std::max(now - then, Time{}); };
    ExportStats stats = face_.counters;
    stats.state = health_.state();
    stats.since_change = since(health_.state_since());
    if (const std::optional<Time> oldest = scheduler_.oldest_arrival())
        stats.oldest_request = since(*oldest);
    return stats;
}

std::uint64_t Export::resize() {
    const std::uint64_t before = backing_.geometry.sectors;
    must_resize_ = next_.has_value(); // it may be smaller than the present device has become
    if (must_resize_)
        return before;
    const std::uint64_t told = backing_.device->refresh_sectors();
    const std::uint64_t present = told == BlockDevice::no_sectors ? 0 : told;
    const std::uint64_t usable =
        std::min(present, Geometry::max_sectors) / backing_.blocks.sectors * backing_.blocks.sectors;
    if (told == 0 || usable == std::exchange(device_sectors_, usable) || usable == before)
        return before;
    if (usable < before) {
        face_.tell(
            Severity::warning, EventKind::export_resized,
            fmt::format("Its device has only {} sectors now, and initiators know of {}. Requests beyond the "
                        "end fail; to serve the smaller size, restart the target.",
                        usable, before));
        return before;
    }
    backing_.geometry.sectors = face_.counters.sectors = usable;
    face_.tell(
        Severity::notice, EventKind::export_resized,
        fmt::format("It has {} sectors now, {} more than before. On Linux initiators, 'aoe-revalidate {}' "
                    "takes them over.",
                    usable, usable - before, to_string(address())));
    face_.context.announcements.changed(address());
    return usable;
}

bool Export::serves(const std::vector<std::string>& names) const {
    const auto matches = [&](const std::string& pattern) {
        return std::ranges::any_of(names, [&](const std::string& name) {
            return fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
        });
    };
    return !closed_ && (interfaces_.empty() || std::ranges::any_of(interfaces_, matches));
}

void Export::add_link(LinkId link, const std::vector<std::string>& names) {
    if (!interfaces_.empty() && serves(names))
        links_.push_back(link);
}

bool Export::receive(const Header& header, LinkId link, FrameSlot slot) {
    if (header.command != static_cast<std::uint8_t>(AoeCommand::ata))
        face_.count(header.source, RequestKind::other);
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
