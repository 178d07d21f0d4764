// The resources that the exports of a target share for their requests.
#pragma once

#include "core/bounce_pool.hpp"
#include "core/content_hash.hpp"
#include "core/fixed_pool.hpp"
#include "core/history_budget.hpp"
#include "core/initiator_figures.hpp"
#include "core/io_queue.hpp"
#include "core/length_watch.hpp"
#include "core/occupancy.hpp"
#include "core/pieces.hpp"
#include "core/traffic_watch.hpp"

namespace aoetarget::core {

/// All schedulers of a target share these.
struct SchedulerResources {
    FixedPool<Request> requests;
    FixedPool<Operation> operations;
    Holdings holdings;
    BouncePool bounce;
    PieceStore pieces;
    ContentHash content_hash;
    HistoryBudget history_budget;
    Occupancy occupancy; ///< Counts all active operations.
    IoQueue completions;
    /// The schedulers with operations to start.
    std::vector<Scheduler*> ready;
    /// The number of the loop's turn.
    std::uint64_t turn = 0;
    TrafficWatch traffic;
    InitiatorFigures initiators;
    LengthWatch lengths;
    /// The time of the turn, for figures: set before its frames are received.
    Time now{};
};

} // namespace aoetarget::core
