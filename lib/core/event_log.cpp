// Decides when an event is told, and has the names of the kinds.
#include "core/event_log.hpp"

#include <algorithm>
#include <utility>

namespace aoetarget {

std::string_view name(Severity severity) noexcept {
    switch (severity) {
    case Severity::error:
        return "error";
    case Severity::warning:
        return "warning";
    case Severity::notice:
        return "notice";
    }
    return "";
}

std::string_view name(EventKind kind) noexcept {
    switch (kind) {
    case EventKind::interface_gone:
        return "interface-gone";
    case EventKind::interface_back:
        return "interface-back";
    case EventKind::interface_renamed:
        return "interface-renamed";
    case EventKind::link_down:
        return "link-down";
    case EventKind::link_up:
        return "link-up";
    case EventKind::mtu_changed:
        return "mtu-changed";
    case EventKind::mac_changed:
        return "mac-changed";
    case EventKind::interface_is_port:
        return "interface-is-port";
    case EventKind::interface_is_free:
        return "interface-is-free";
    case EventKind::interface_changed:
        return "interface-changed";
    case EventKind::interface_added:
        return "interface-added";
    case EventKind::interface_removed:
        return "interface-removed";
    case EventKind::lane_lost:
        return "lane-lost";
    case EventKind::lane_regained:
        return "lane-regained";
    case EventKind::broadcasts_filtered:
        return "broadcasts-filtered";
    case EventKind::frames_dropped:
        return "frames-dropped";
    case EventKind::address_conflict:
        return "address-conflict";
    case EventKind::export_added:
        return "export-added";
    case EventKind::export_removed:
        return "export-removed";
    case EventKind::export_resized:
        return "export-resized";
    case EventKind::export_swapped:
        return "export-swapped";
    case EventKind::export_changed:
        return "export-changed";
    case EventKind::device_failing:
        return "device-failing";
    case EventKind::device_recovered:
        return "device-recovered";
    case EventKind::device_vanished:
        return "device-vanished";
    case EventKind::device_timed_out:
        return "device-timed-out";
    case EventKind::flush_failed:
        return "flush-failed";
    case EventKind::out_of_space:
        return "out-of-space";
    case EventKind::path_replaced:
        return "path-replaced";
    case EventKind::state_not_saved:
        return "state-not-saved";
    case EventKind::state_set_aside:
        return "state-set-aside";
    case EventKind::initiator_new:
        return "initiator-new";
    case EventKind::initiator_flooding:
        return "initiator-flooding";
    case EventKind::initiator_repeating:
        return "initiator-repeating";
    case EventKind::frames_too_large:
        return "frames-too-large";
    case EventKind::stale_writes:
        return "stale-writes";
    case EventKind::stop_waits:
        return "stop-waits";
    case EventKind::events_lost:
        return "events-lost";
    }
    return "";
}

namespace core {
namespace {

/// Returns how long an event is held back after another of its kind and subject was told. Conditions that may
/// last for years are told rarely; changes of state soon, because the last one that was told should be true.
Time interval(EventKind kind) {
    using namespace std::chrono_literals;
    switch (kind) {
    case EventKind::frames_dropped:
    case EventKind::address_conflict:
    case EventKind::device_failing:
    case EventKind::device_timed_out:
    case EventKind::out_of_space:
    case EventKind::state_not_saved:
    case EventKind::initiator_new:
    case EventKind::initiator_flooding:
    case EventKind::initiator_repeating:
    case EventKind::frames_too_large:
    case EventKind::stale_writes:
    case EventKind::events_lost:
        return 60s;
    default:
        return 1s;
    }
}

} // namespace

void EventLog::tell(Severity severity, EventKind kind, std::string subject, std::string text) {
    if (!handler_)
        return;
    Record* record = find_or_add(severity, kind, subject);
    if (record == nullptr) {
        severity = Severity::warning;
        kind = EventKind::events_lost;
        subject = "target";
        text = "More events came at once than can be kept, so some are not told.";
        record = find_or_add(severity, kind, subject);
    }
    if (record->happened != 0)
        ++record->event.repeats;
    else
        ++untold_;
    record->happened = ++events_;
    record->event.text = std::move(text);
}

/// Returns null if there is no room. One place is always left for EventKind::events_lost.
EventLog::Record* EventLog::find_or_add(Severity severity, EventKind kind, const std::string& subject) {
    const auto found = std::ranges::find_if(records_, [&](const Record& record) {
        return record.event.kind == kind && record.event.severity == severity &&
               record.event.subject == subject;
    });
    if (found != records_.end())
        return &*found;
    if (records_.size() + 1 >= max_records && kind != EventKind::events_lost) {
        const auto oldest = std::ranges::min_element(records_, {}, [](const Record& record) {
            return record.happened == 0 && record.told ? *record.told : Time::max();
        });
        if (oldest->happened != 0)
            return nullptr;
        records_.erase(oldest);
    }
    records_.push_back({.event = {.severity = severity, .kind = kind, .subject = subject}});
    return &records_.back();
}

bool EventLog::is_due(const Record& record, Time now) {
    return record.happened != 0 && (!record.told || now - *record.told >= interval(record.event.kind));
}

/// Returns whether a later event of the same subject is due: the two are told in their order, because the
/// later one may end what the earlier one began.
bool EventLog::precedes_due(const Record& record, Time now) const {
    return record.happened != 0 && std::ranges::any_of(records_, [&](const Record& later) {
               return later.happened > record.happened && is_due(later, now) &&
                      later.event.subject == record.event.subject;
           });
}

void EventLog::deliver(Time now) {
    if (untold_ == 0)
        return;
    std::vector<Record*> due;
    for (Record& record : records_) {
        if (is_due(record, now) || precedes_due(record, now))
            due.push_back(&record);
    }
    std::ranges::sort(due, {}, &Record::happened);
    std::vector<Event> events;
    for (Record* record : due) {
        events.push_back(record->event);
        record->event.repeats = record->happened = 0;
        record->told = now;
        --untold_;
    }
    for (const Event& event : events) // last, because the handler may add records
        handler_(event);
}

std::optional<Time> EventLog::next_deadline() const {
    std::optional<Time> next;
    if (untold_ == 0)
        return next;
    for (const Record& record : records_) {
        if (record.happened == 0)
            continue;
        const Time due = record.told ? *record.told + interval(record.event.kind) : Time{1};
        if (!next || due < *next)
            next = due;
    }
    return next;
}

} // namespace core
} // namespace aoetarget
