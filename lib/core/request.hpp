// An ATA request that waits for its device.
#pragma once

#include "core/link.hpp"
#include "core/senders.hpp"
#include "protocol/ata.hpp"

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

} // namespace aoetarget::core
