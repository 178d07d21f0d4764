// Counts entries, and collects them from histories that are idle.
#include "core/history_budget.hpp"

#include "core/write_history.hpp"

#include <algorithm>
#include <cstddef>

namespace aoetarget::core {
namespace {

constexpr Time between_collections = std::chrono::milliseconds(10);

} // namespace

/// No memory is allocated later.
HistoryBudget::HistoryBudget() {
    takers_.reserve(max_entries / WriteHistory::least_entries);
}

bool HistoryBudget::take(WriteHistory& taker, std::uint32_t entries, Time now) {
    if (taken_ + entries > max_entries)
        collect(now);
    if (taken_ + entries > max_entries)
        return false;
    taken_ += entries;
    if (std::ranges::find(takers_, &taker) == takers_.end())
        takers_.push_back(&taker);
    return true;
}

void HistoryBudget::give_back(WriteHistory& giver, std::uint32_t entries, bool is_all) {
    taken_ -= entries;
    if (is_all)
        std::erase(takers_, &giver);
}

/// Those that give back all leave the list.
void HistoryBudget::collect(Time now) {
    if (now < next_collection_)
        return;
    next_collection_ = now + between_collections;
    for (std::size_t i = takers_.size(); i-- > 0;)
        takers_[i]->shrink(now);
}

} // namespace aoetarget::core
