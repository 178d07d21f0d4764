// Tells of initiators whose requests show that something is wrong with them, or on the way to them.
#pragma once

#include "core/event_log.hpp"
#include "core/time.hpp"

#include <aoetarget/address.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace aoetarget::core {

/// Counts for a second, in a table of fixed size. Source addresses are easily forged, so the table may be
/// full: then it leaves others out, and another second it leaves out different ones.
class TrafficWatch {
  public:
    enum class Sign : std::uint8_t {
        flooding,  ///< A request was dropped because its sender had too many under way.
        repeating, ///< A copy came of a request that was under way.
        late,      ///< A change was dropped because it would have undone a newer one.
    };
    static constexpr Time period = std::chrono::seconds(1);
    static constexpr std::size_t places = 64;
    /// Of fewer requests in a period nobody learns: a network may now and then do that.
    static constexpr std::uint32_t many = 10;

    void note(Sign sign, const MacAddress& source);
    /// Tells what was noted, when a period is over. `events` may be null.
    void run(Time now, EventLog* events);
    /// Returns when run() has something to do, or nothing if nothing was noted.
    [[nodiscard]] std::optional<Time> next_due() const { return due_; }

  private:
    static constexpr std::size_t signs = 3;
    struct Place {
        MacAddress source{};
        std::array<std::uint32_t, signs> counts{};

        [[nodiscard]] bool is_free() const { return counts == std::array<std::uint32_t, signs>{}; }
    };
    static void tell(const Place& place, EventLog& events);

    std::array<Place, places> places_{};
    std::uint64_t periods_ = 0;
    bool has_noted_ = false;
    std::optional<Time> due_{}; ///< When the period is over in which something was noted.
};

} // namespace aoetarget::core
