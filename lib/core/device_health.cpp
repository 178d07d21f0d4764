// Recognises the beginning and the end of trouble, and puts it into words.
#include "core/device_health.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace aoetarget::core {

using protocol::AtaAction;

namespace {

bool is_want_of_space(int error) {
    return error == ENOSPC || error == EDQUOT;
}

bool is_gone(int error) {
    return error == ENXIO || error == ENODEV || error == ENOMEDIUM;
}

/// Returns whether the device does not support the request at all.
bool is_refusal(int error, const Geometry& geometry) {
    return error == EOPNOTSUPP || (error == EROFS && geometry.read_only);
}

bool only_reads(const Request& request) {
    return request.command.action == AtaAction::read || request.command.action == AtaAction::verify;
}

std::string words_for(int error) {
    return std::generic_category().message(error);
}

std::string words_for(const Request& request) {
    const auto with_sectors = [&](std::string_view what) {
        return fmt::format("{} of {} sectors from sector {}", what, request.range.count, request.range.first);
    };
    switch (request.command.action) {
    case AtaAction::read:
        return with_sectors("A read");
    case AtaAction::verify:
        return with_sectors("A verification");
    case AtaAction::write:
        return with_sectors("A write");
    case AtaAction::data_set_management:
        return with_sectors("A trim");
    default:
        return "A flush";
    }
}

std::string seconds(Time time) {
    return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

} // namespace

void DeviceHealth::Trouble::note(const Request& request, Time now) {
    if (!is_there) {
        const Time told_before = last_told;
        *this = {};
        last_told = told_before;
        is_there = true;
        of_changes = !only_reads(request);
        range = request.range;
        since = now;
    }
    latest = now;
}

bool DeviceHealth::Trouble::ends_with(const Request& request, Time now) const {
    // This is longer than the pauses after which initiators repeat a request.
    constexpr Time long_ago = std::chrono::seconds(30);
    if (of_changes && only_reads(request))
        return false;
    const bool is_there_again = range.count == 0 ? request.range.count == 0 : request.range.contains(range);
    return is_there_again || now - latest >= long_ago;
}

bool DeviceHealth::answers_failure(const Request& request, int error, Time now) {
    if (is_refusal(error, backing_.geometry))
        return true;
    const bool lacks_space = is_want_of_space(error) && !only_reads(request);
    Trouble& trouble = lacks_space ? no_space_ : fault_;
    const Time silence = lacks_space ? silence_without_space_ : silence_;
    in_trouble_ = true;
    trouble.note(request, now);
    trouble.is_gone = trouble.is_gone || is_gone(error);
    const bool answered = now - trouble.since >= silence;
    tell_failure(trouble, request, error, answered, silence);
    if (!only_reads(request) && backing_.device->refuses_writes())
        tell_refusal(error);
    note_state();
    return answered;
}

/// Tells trouble once when it begins, and once more when its errors are answered after a silence.
void DeviceHealth::tell_failure(Trouble& trouble, const Request& request, int error, bool answered,
                                Time silence) {
    const bool gone = is_gone(error);
    const bool answers_now = answered && !trouble.is_answered && trouble.told && silence > Time{};
    const bool is_news = !trouble.told || (gone && !trouble.told_vanished) || answers_now;
    const bool comes_and_goes = !trouble.told && trouble.latest - trouble.last_told < std::chrono::seconds(1);
    if (!is_news || comes_and_goes || !face_.is_heard())
        return;
    trouble.told = true;
    trouble.is_answered = answered;
    trouble.last_told = trouble.latest;
    trouble.told_vanished = trouble.told_vanished || gone;
    const std::string what = fmt::format("{} failed: {}.", words_for(request), words_for(error));
    std::string consequence = "Such errors are answered, and initiators take them for faults of the disk.";
    if (answers_now)
        consequence =
            fmt::format("It has failed for {}, so errors are answered from now on, and file systems "
                        "on the initiators may become read-only.",
                        seconds(silence));
    else if (!answered)
        consequence =
            fmt::format("Requests that fail stay unanswered for up to {}, and the initiators repeat them.",
                        seconds(silence));
    // While the initiators see no error this is a warning, which does not hold back the error that follows.
    const Severity severity = answered ? Severity::error : Severity::warning;
    if (&trouble == &no_space_)
        face_.tell(severity, EventKind::out_of_space,
                   fmt::format("{} {} Make room in the file system or the pool where the data lies.", what,
                               consequence));
    else if (gone)
        face_.tell(
            Severity::error, EventKind::device_vanished,
            fmt::format("{} The device is gone, or has become smaller than it was. {} Bring it back; if "
                        "that does not help, reopen the export, or restart the target.",
                        what, consequence));
    else
        face_.tell(
            severity, EventKind::device_failing,
            fmt::format("{} {} Look for the cause in the log of the kernel (dmesg).", what, consequence));
}

void DeviceHealth::tell_refusal(int error) {
    if (std::exchange(told_refusal_, true))
        return;
    face_.tell(
        Severity::error, EventKind::flush_failed,
        fmt::format("The disk could not make writes stable: {}. The kernel cannot tell any more which of "
                    "the last ones are on the disk, so the export refuses writes from now on. Mend the "
                    "cause (see dmesg), then reopen the export, or restart the target.",
                    words_for(error)));
}

void DeviceHealth::look_for_recovery(const Request& request, Time now) {
    if (fault_.is_there && fault_.ends_with(request, now)) {
        fault_.is_there = false;
        if (fault_.told)
            face_.tell(Severity::notice, EventKind::device_recovered, "It carries out requests again.");
    }
    if (no_space_.is_there && no_space_.ends_with(request, now)) {
        no_space_.is_there = false;
        if (no_space_.told)
            face_.tell(Severity::notice, EventKind::device_recovered,
                       "Writes find space again, or need none.");
    }
    in_trouble_ = fault_.is_there || no_space_.is_there;
    note_state();
}

void DeviceHealth::timed_out(const Request& request) {
    ++hanging_;
    note_state();
    if (std::exchange(told_timeout_, true))
        return;
    face_.tell(
        Severity::error, EventKind::device_timed_out,
        fmt::format("{} was not finished within {}, and was answered as a fault of the device. The disk, "
                    "or what it depends on, hangs (see dmesg). What overlaps such requests waits until "
                    "the disk has ended them.",
                    words_for(request), seconds(timeout_)));
}

/// If it has failed whatever hung, the next success is the recovery.
void DeviceHealth::ended_late(const Request& request, int error, Time now) {
    works_again_ = works_again_ || error == 0;
    if (--hanging_ > 0)
        return;
    told_timeout_ = false;
    if (std::exchange(works_again_, false)) {
        note_state();
        face_.tell(Severity::notice, EventKind::device_recovered,
                   "It carries out requests again. Those that hung have ended.");
        return;
    }
    in_trouble_ = true;
    fault_.note(request, now);
    fault_.told = true;
    note_state();
}

void DeviceHealth::end_unflushed(int error) {
    if (told_refusal_)
        return;
    face_.tell(Severity::error, EventKind::flush_failed,
               fmt::format("The flush before its end failed: {}. With durability=volatile, writes that were "
                           "answered may be lost: check the file systems on it.",
                           words_for(error)));
}

void DeviceHealth::device_changed() {
    fault_ = no_space_ = {};
    in_trouble_ = told_refusal_ = false;
    note_state();
}

ExportStats::State DeviceHealth::present_state() const {
    if (fault_.is_there && fault_.is_gone)
        return ExportStats::State::vanished;
    if (backing_.device->refuses_writes())
        return ExportStats::State::refusing_writes;
    if (in_trouble_ || hanging_ > 0)
        return ExportStats::State::failing;
    return has_conflict_ ? ExportStats::State::conflict : ExportStats::State::ok;
}

void DeviceHealth::note_state() {
    if (std::exchange(state_, present_state()) != state_)
        state_since_ = face_.context.resources.now;
}

} // namespace aoetarget::core
