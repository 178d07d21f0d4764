// What the histories of a target's exports may remember together, beyond what each has for itself.
#pragma once

#include "core/time.hpp"

#include <cstdint>
#include <vector>

namespace aoetarget::core {

class WriteHistory;

/// It must outlive the histories.
class HistoryBudget {
  public:
    /// Twice as many as one history can remember. At 300,000 changes a second, which is more than a processor
    /// serves, they reach back a fifth of a second, twice the shortest time after which Linux repeats a
    /// request. Who comes when they are taken has what each history has for itself.
    static constexpr std::uint32_t max_entries = 65536;

    HistoryBudget();
    HistoryBudget(const HistoryBudget&) = delete;
    HistoryBudget& operator=(const HistoryBudget&) = delete;

    /// Lets a history have so many more entries. Where there are not enough left, all give back what they
    /// need not remember any more. Returns false if there are still too few.
    bool take(WriteHistory& taker, std::uint32_t entries, Time now);
    /// Takes back so many of the entries that a history has taken. `is_all` tells whether it has none left.
    void give_back(WriteHistory& giver, std::uint32_t entries, bool is_all);

  private:
    void collect(Time now);

    std::uint32_t taken_ = 0;
    std::vector<WriteHistory*> takers_;
    Time next_collection_ = Time::min(); ///< Each looks at all takers, so they are not made all the time.
};

} // namespace aoetarget::core
