// Functions of the host that wait for their time.
#pragma once

#include "core/time.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace aoetarget {

class DelayedCalls {
  public:
    using Id = std::uint64_t;

    /// Calls `call` in the first run() at `time` or later. Returns 0 after close().
    Id add(core::Time time, std::function<void()> call);
    /// Returns whether the call was still to come. It does not come any more, and its function is destroyed,
    /// unless it runs.
    bool cancel(Id id);
    /// Calls what is due, in the order of times. Functions may add and cancel calls; an added one is for a
    /// later run().
    void run(core::Time now);
    /// Returns when run() has something to do, or nothing if never.
    [[nodiscard]] std::optional<core::Time> next_deadline() const {
        return times_.empty() ? std::nullopt : std::optional(times_.begin()->first);
    }
    /// Destroys all functions without calling them, and takes none any more.
    void close();

  private:
    struct Call {
        core::Time time;
        std::function<void()> function;
    };

    std::map<Id, Call> calls_;
    std::set<std::pair<core::Time, Id>> times_;
    Id last_ = 0;
    bool closed_ = false;
};

} // namespace aoetarget
