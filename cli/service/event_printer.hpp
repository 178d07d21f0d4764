// Events as lines on standard error, in the journal's form if it reads them.
#pragma once

#include <aoetarget/event.hpp>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cli {

/// Returns the line for an event. For the journal it begins with the priority (sd-daemon(3)), because the
/// journal knows the time; else with the time and the severity. It ends with the name of the kind.
std::string format_event(const aoetarget::Event& event, bool for_journal,
                         std::chrono::system_clock::time_point now);

/// Prints the events of several targets, from any of their threads.
class EventPrinter {
  public:
    /// Finds out whether standard error leads to the journal, and reads the time zone, which a confined
    /// process cannot do any more.
    EventPrinter();

    /// Prints the event, unless another target has just told the same: each of them sees the same interfaces.
    /// It never waits: if nobody reads standard error, it leaves lines out and counts them.
    void print(const aoetarget::Event& event);
    /// Prints what no target tells, in the same form but for the kind.
    void print(aoetarget::Severity severity, const std::string& subject, const std::string& text);

  private:
    void write(const std::string& line, std::chrono::system_clock::time_point now);
    [[nodiscard]] bool was_just_told(const aoetarget::Event& event,
                                     std::chrono::steady_clock::time_point now);

    struct Told {
        aoetarget::EventKind kind;
        std::string subject;
        std::string text;
        std::chrono::steady_clock::time_point when;
        std::thread::id target; ///< Each target tells its events on a thread of its own.
    };
    std::mutex mutex_;
    const bool for_journal_;
    std::vector<Told> told_; ///< The events of the last second.
    std::uint64_t left_out_ = 0;
};

} // namespace cli
