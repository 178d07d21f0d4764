// Changes the protocol state of an export over and over, one part of it after the other, and remembers what
// was acknowledged.
#pragma once

#include "power_cut.hpp"
#include "raw_client.hpp"

#include <chrono>
#include <optional>

namespace aoetest::power_cut {

class StateChanges {
  public:
    StateChanges(RawClient& client, Record& record, std::uint8_t slot)
        : client_(client), record_(record.state), slot_(slot) {}

    /// Takes the answer that has come, or repeats what has waited for so long, and makes the next change.
    void go_on(Milliseconds repeat_after);
    void take_answer();

  private:
    using Clock = std::chrono::steady_clock;

    [[nodiscard]] Request next_change();

    RawClient& client_;
    std::array<StateRecord, state_parts>& record_;
    std::uint8_t slot_;
    Version version_ = 0;
    std::size_t part_ = 0;
    std::optional<Request> under_way_; ///< With its tag.
    Clock::time_point sent_at_;
};

} // namespace aoetest::power_cut
