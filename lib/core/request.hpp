// An ATA request that waits for its device.
#pragma once

#include "core/link.hpp"
#include "core/senders.hpp"
#include "protocol/ata.hpp"

namespace aoetarget::core {

/// A request that is admitted and not yet answered. It owns the slot into which the answer will be written.
struct Request {
    FrameSlot slot;
    LinkId link = 0;
    MacAddress source;
    Sender* sender = nullptr; ///< Counts it once it is admitted.
    protocol::AtaRegisters registers;
    protocol::AtaCommand command;
    SectorRange
        range; ///< For DATA SET MANAGEMENT from the first to the last sector that it names; empty for FLUSH.
    bool durable = false;
    bool has_merged = false; ///< True if merged copies have entries of their own in the WriteHistory.
    bool given_up = false;   ///< It was answered before it had ended.
    bool is_watched = false; ///< The LengthWatch takes note of its answer.
    bool barrier =
        false; ///< Takes effect after everything admitted before it, and before everything after it.
    // These are for the WriteHistory, and have a meaning for changes only.
    std::uint32_t position = 0;      ///< Its position in the history.
    std::uint64_t content = 0;       ///< A hash of its effect (content_hash.hpp).
    std::uint32_t digest = 0;        ///< A hash of all of its data if it may be a copy, else 0.
    std::uint32_t oldest_tag = 0;    ///< The oldest of its tag and those of merged copies.
    std::uint32_t newest_merged = 0; ///< If it `has_merged`, the position of the last of these copies.
    Request* next = nullptr;

    [[nodiscard]] std::uint32_t tag() const { return protocol::get_tag(slot.capacity()); }
    /// Returns the data that came with the request.
    [[nodiscard]] Bytes payload() const {
        return slot.capacity().subspan(protocol::ata_header_bytes, registers.count * sector_bytes);
    }
    /// Returns the memory into which a read puts its data, or from which a write takes it.
    [[nodiscard]] Bytes data() const {
        return slot.capacity().subspan(protocol::ata_header_bytes, range.bytes());
    }
};

} // namespace aoetarget::core
