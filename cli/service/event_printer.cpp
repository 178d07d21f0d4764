// Formats a line, and writes it to standard error without waiting.
#include "service/event_printer.hpp"

#include "text.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <poll.h>
#include <unistd.h>

namespace cli {
namespace {

bool takes_more(int fd) {
    pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
    return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0;
}

std::string format_line(aoetarget::Severity severity, const std::string& text, bool for_journal,
                        std::chrono::system_clock::time_point now) {
    if (for_journal)
        return fmt::format("<{}>{}\n", static_cast<int>(severity), text);
    return fmt::format("{:%F %T} {}: {}\n", fmt::localtime(std::chrono::system_clock::to_time_t(now)),
                       name(severity), text);
}

} // namespace

std::string format_event(const aoetarget::Event& event, bool for_journal,
                         std::chrono::system_clock::time_point now) {
    const std::string repeats =
        event.repeats == 0 ? "" : fmt::format(" ({} more of these since the last line.)", event.repeats);
    const std::string text = single_line(fmt::format("{}: {}{}", event.subject, event.text, repeats));
    return format_line(event.severity, fmt::format("{} [{}]", text, name(event.kind)), for_journal, now);
}

EventPrinter::EventPrinter() : for_journal_(journal_reads_errors()) {
    tzset();
    fmt::localtime(0); // reads the file of the time zone
}

bool EventPrinter::was_just_told(const aoetarget::Event& event, std::chrono::steady_clock::time_point now) {
    std::erase_if(told_, [&](const Told& told) { return now - told.when > std::chrono::seconds(1); });
    for (const Told& told : told_) {
        if (told.kind == event.kind && told.subject == event.subject && told.text == event.text &&
            told.target != std::this_thread::get_id())
            return true;
    }
    told_.push_back({event.kind, event.subject, event.text, now, std::this_thread::get_id()});
    return false;
}

void EventPrinter::print(const aoetarget::Event& event) {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::system_clock::now();
    if (!was_just_told(event, std::chrono::steady_clock::now()))
        write(format_event(event, for_journal_, now), now);
}

void EventPrinter::print(aoetarget::Severity severity, const std::string& subject, const std::string& text) {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::system_clock::now();
    write(format_line(severity, fmt::format("{}: {}", subject, text), for_journal_, now), now);
}

void EventPrinter::write(const std::string& line, std::chrono::system_clock::time_point now) {
    if (!takes_more(STDERR_FILENO)) {
        ++left_out_;
        return;
    }
    if (left_out_ > 0)
        say(format_event({.severity = aoetarget::Severity::warning,
                          .kind = aoetarget::EventKind::events_lost,
                          .subject = "aoetarget",
                          .text = fmt::format(
                              "Nobody read standard error, so {} earlier lines were left out.", left_out_)},
                         for_journal_, now));
    left_out_ = 0;
    say(line);
}

} // namespace cli
