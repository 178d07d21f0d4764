// What the exports of a target have in common for their requests.
#pragma once

#include "core/bounce_pool.hpp"
#include "core/content_hash.hpp"
#include "core/fixed_pool.hpp"
#include "core/io_queue.hpp"
#include "core/occupancy.hpp"
#include "core/pieces.hpp"

namespace aoetarget::core {

/// Shared by all schedulers of a target.
struct SchedulerResources {
    FixedPool<Request> requests;
    FixedPool<Operation> operations;
    Holdings holdings;
    BouncePool bounce;
    PieceStore pieces;
    ContentHash content_hash;
    Occupancy occupancy; ///< By all that is active.
    IoQueue completions;
    /// Schedulers with operations to start.
    std::vector<Scheduler*> ready;
    /// Counts the turns of the loop.
    std::uint64_t turn = 0;
};

} // namespace aoetarget::core
