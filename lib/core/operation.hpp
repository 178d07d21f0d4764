// The device operation of which requests are a part.
#pragma once

#include "core/range_map.hpp"
#include "core/request.hpp"

#include <aoetarget/block_device.hpp>

#include <array>

namespace aoetarget::core {

class Scheduler;
struct Piece;

/// The most requests that one device operation may serve.
inline constexpr std::size_t max_merged_requests = 64;
/// The most sectors of one operation, and no fewer than a single request may ask for.
inline constexpr std::uint64_t max_merged_sectors = 256;
static_assert(max_merged_sectors >= protocol::max_sectors_per_frame);

/// One unit of scheduling: a request, or neighbours that become one device operation. The Io is its present
/// step at the device.
struct Operation : Io {
    Operation() : Io(nullptr) {}
    void set_owner(IoOwner* owner) { owner_ = owner; }

    enum class State : std::uint8_t {
        blocked, ///< An earlier operation must end first.
        ready,   ///< Queued to be started; requests may still join.
        running,
    };
    /// The step of a running operation that is with the device.
    enum class Step : std::uint8_t {
        transfer,
        bounced_read,
        patch_head,
        patch_tail,
        bounced_write,
        flush,
        discard,
        verify,
        fetch
    };

    Scheduler* scheduler = nullptr;
    State state = State::ready;
    Step step = Step::transfer;
    protocol::AtaAction action{};
    std::uint64_t sequence = 0;     ///< The order of admission.
    SectorRange sectors;            ///< The sectors of all requests together.
    std::uint64_t started_turn = 0; ///< The turn in which the device got its present step.
    SectorRange exclusive;          ///< The same in whole logical blocks, off which it keeps others,
    RangeMap trimmed;               ///< except, if it is a trim, off those that its list does not name.
    bool barrier = false;
    std::size_t active_index = 0; ///< Its index in Order's list.

    Request* first = nullptr; ///< Its requests, ascending by sector.
    Request* last = nullptr;
    std::size_t count = 0;
    std::size_t given_up = 0;          ///< How many of its requests are given up.
    Operation* waiters = nullptr;      ///< The operations that wait for this one.
    Operation* next = nullptr;         ///< The next in a list of waiters or a queue.
    Operation* grows_behind = nullptr; ///< It waits until that one ends, or until it is as large itself.

    /// The piece that it fetches ahead, for which its requests, in any order, wait. It is null for an
    /// operation that carries out its requests.
    Piece* piece = nullptr;

    // The part that is under way: all requests at first, one at a time after a failure.
    Request* run_first = nullptr;
    std::size_t run_count = 0;
    SectorRange run;               ///< The sectors of these requests.
    SectorRange run_blocks;        ///< The same in whole logical blocks.
    Bytes bounce;                  ///< Holds run_blocks if the device cannot use the slots directly.
    std::uint64_t cursor = 0;      ///< The next entry of a discard's list, or the next sector to verify.
    std::uint64_t verify_step = 0; ///< Sectors to verify at once.

    std::array<iovec, max_merged_requests> vectors{};
};

} // namespace aoetarget::core
