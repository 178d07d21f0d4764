// The device operation in which requests take part.
#pragma once

#include "core/request.hpp"

#include <aoetarget/block_device.hpp>

#include <array>

namespace aoetarget::core {

class Scheduler;
struct Piece;

/// The most requests that one device operation may serve.
inline constexpr std::size_t max_merged_requests = 64;
/// The most sectors of one operation: never less than a single request may ask for.
inline constexpr std::uint64_t max_merged_sectors = 256;
static_assert(max_merged_sectors >= protocol::max_sectors_per_frame);

/// One unit of scheduling: a request, or neighbours that become one device operation. The Io is what the
/// device has of it at the moment.
struct Operation : Io {
    Operation() : Io(nullptr) {}
    void set_owner(IoOwner* owner) { owner_ = owner; }

    enum class State : std::uint8_t {
        blocked, ///< An earlier operation must end first.
        ready,   ///< Queued to be started; requests may still join.
        running,
    };
    /// What the device is doing for a running operation.
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
    std::uint64_t sequence = 0;     ///< Order of arrival.
    SectorRange sectors;            ///< Of all requests together.
    std::uint64_t started_turn = 0; ///< When the device was given what it is doing.
    SectorRange exclusive;          ///< The same in whole logical blocks: what it keeps others off.
    bool barrier = false;
    std::size_t active_index = 0; ///< Its place in the scheduler's list.

    Request* first = nullptr; ///< Its requests, ascending by sector.
    Request* last = nullptr;
    std::size_t count = 0;
    Operation* waiters = nullptr;      ///< Those blocked by this one.
    Operation* next = nullptr;         ///< In a list of waiters or a queue.
    Operation* grows_behind = nullptr; ///< Waits until that one ends, or until it is as large itself.

    /// What it fetches ahead; its requests, in any order, are those that wait for that. Null: it does what
    /// its requests ask for.
    Piece* piece = nullptr;

    // The part that is being done: all requests at first, one at a time after a failure.
    Request* run_first = nullptr;
    std::size_t run_count = 0;
    SectorRange run;               ///< Sectors of these requests.
    SectorRange run_blocks;        ///< The same in whole logical blocks.
    Bytes bounce;                  ///< Holds run_blocks where the slots cannot be used directly.
    std::uint64_t cursor = 0;      ///< Discard: next entry of the list. Verify: next sector.
    std::uint64_t verify_step = 0; ///< Sectors to verify at once.

    std::array<iovec, max_merged_requests> vectors{};
};

} // namespace aoetarget::core
