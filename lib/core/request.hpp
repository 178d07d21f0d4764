// An ATA request that waits for its device, and the device operation in which it takes part.
#pragma once

#include <aoetarget/block_device.hpp>

#include "core/bounce_pool.hpp"
#include "core/link.hpp"
#include "core/outcome.hpp"
#include "core/read_ahead.hpp"
#include "core/senders.hpp"

#include <array>

namespace aoetarget::core {

/// Admitted, and not yet answered. Owns the slot in which the answer will be written.
struct Request {
    FrameSlot slot;
    LinkId link = 0;
    MacAddress source;
    Sender* sender = nullptr; ///< Counts it, once it was admitted.
    protocol::AtaRegisters registers;
    protocol::AtaCommand command;
    SectorRange
        range; ///< DATA SET MANAGEMENT: from the first to the last sector that it names. FLUSH: empty.
    bool durable = false;
    bool has_merged = false; ///< Copies that have entries of their own in the WriteHistory.
    bool barrier = false;    ///< Takes effect after everything admitted before and before everything after.
    // Of a change, for the WriteHistory.
    std::uint32_t position = 0;      ///< In it.
    std::uint64_t content = 0;       ///< Stands for what it does (content_hash.hpp).
    std::uint32_t digest = 0;        ///< Of all of its data, where it may be a copy; else 0.
    std::uint32_t oldest_tag = 0;    ///< Of its own and those of the copies that were merged with it.
    std::uint32_t newest_merged = 0; ///< Where it `has_merged`, the position of the last of these.
    Request* next = nullptr;

    [[nodiscard]] std::uint32_t tag() const { return protocol::get_tag(slot.capacity()); }
    /// The data that came with it.
    [[nodiscard]] Bytes payload() const {
        return slot.capacity().subspan(protocol::ata_header_bytes, registers.count * sector_bytes);
    }
    /// Where the data of a read goes and that of a write comes from.
    [[nodiscard]] Bytes data() const {
        return slot.capacity().subspan(protocol::ata_header_bytes, range.bytes());
    }
};

class Scheduler;

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
