// Events on their way to the host: each kind, severity and subject is told once, and repeats are counted for
// a while.
#pragma once

#include "core/time.hpp"

#include <aoetarget/event.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace aoetarget::core {

class EventLog {
  public:
    using Handler = std::function<void(const Event&)>;

    /// With an empty handler, events are dropped.
    explicit EventLog(Handler handler = {}) : handler_(std::move(handler)) {}
    EventLog(const EventLog&) = delete;
    EventLog& operator=(const EventLog&) = delete;

    /// Keeps the event until deliver(). It may allocate, so this is not for the path of a request.
    void tell(Severity severity, EventKind kind, std::string subject, std::string text);
    /// Calls the handler for every event that is due, and for those of the same subjects that happened before
    /// it, in the order in which they happened last. The handler may tell further events, and may change the
    /// target.
    void deliver(Time now);
    /// Returns when deliver() has something to do again if nothing else happens, or nothing if never.
    [[nodiscard]] std::optional<Time> next_deadline() const;

  private:
    /// The last event of one kind, severity and subject, which was told or is to be told.
    struct Record {
        Event event;
        std::optional<Time> told = {};
        std::uint64_t happened = 0; ///< Counted in events; 0 if nothing is to be told.
    };
    static constexpr std::size_t max_records = 1024;

    Record* find_or_add(Severity severity, EventKind kind, const std::string& subject);
    [[nodiscard]] static bool is_due(const Record& record, Time now);
    [[nodiscard]] bool precedes_due(const Record& record, Time now) const;

    Handler handler_;
    std::vector<Record> records_;
    std::uint64_t events_ = 0;
    std::size_t untold_ = 0; ///< Records with something to be told.
};

} // namespace aoetarget::core
