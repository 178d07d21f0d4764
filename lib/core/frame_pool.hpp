// Behaviour: exports, access, reservations, ordering. This layer takes events (frames, completions, the time)
// and emits effects through small interfaces (Link, BlockDevice); it makes no system call, reads no clock,
// and allocates only while links and exports are added. So a simulator can run it with a virtual clock,
// network and disk.
//
// This file has the memory of frames. A pool is one region cut into slots; a slot carries a request from the
// wire to the disk and its answer back. The holder of the FrameSlot owns the slot. A slot that is lent to the
// kernel has no FrameSlot until it is adopted again.
#pragma once

#include "core/share.hpp"
#include "core/time.hpp"
#include "protocol/ata.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace aoetarget::core {

class FramePool;

/// The sole owner of one slot. It gives the slot back to its pool when it goes out of scope.
class FrameSlot {
  public:
    FrameSlot() = default;
    FrameSlot(FrameSlot&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), index_(other.index_), length_(other.length_),
          arrival_(other.arrival_) {}
    FrameSlot& operator=(FrameSlot&& other) noexcept {
        std::swap(pool_, other.pool_);
        std::swap(index_, other.index_);
        std::swap(length_, other.length_);
        std::swap(arrival_, other.arrival_);
        return *this;
    }
    ~FrameSlot();

    explicit operator bool() const { return pool_ != nullptr; }
    [[nodiscard]] FramePool& pool() const { return *pool_; }
    [[nodiscard]] std::uint32_t index() const { return index_; }

    /// Returns the frame that is in the slot.
    [[nodiscard]] Bytes frame() const;
    /// Returns the part of the slot in which a frame can lie.
    [[nodiscard]] Bytes capacity() const;
    void set_length(std::size_t bytes) { length_ = static_cast<std::uint32_t>(bytes); }

    /// The time at which the frame reached this machine, on the clock of Core::turn(). It shows the core that
    /// a frame waited somewhere while newer ones were served (lib/core/ordering.md R1). A link that does not
    /// know the time gives an earlier one. A link that gives none (zero) must hand frames over as they come.
    [[nodiscard]] Time arrival() const { return arrival_; }
    void set_arrival(Time arrival) { arrival_ = arrival; }

    /// Hands ownership to the user of the number: the kernel, or a send under way.
    std::uint32_t release() && {
        pool_ = nullptr;
        return index_;
    }

  private:
    friend class FramePool;
    FrameSlot(FramePool* pool, std::uint32_t index, std::uint32_t length)
        : pool_(pool), index_(index), length_(length) {}

    FramePool* pool_ = nullptr;
    std::uint32_t index_ = 0;
    std::uint32_t length_ = 0;
    Time arrival_{};
};

class FramePool {
  public:
    /// The slots that exports hold, counted by Holdings.
    struct Use {
        Share slots;
        MacAddress newest_sender;
        Time newest_change =
            Time::min(); ///< Arrival of the last request from another sender than the one before it.
    };

    /// The layout of the slots in a region.
    struct Layout {
        static constexpr std::size_t page_bytes = 4096;

        std::uint32_t slots = 0;
        std::size_t frame_bytes = 0; ///< The longest frame.
        /// The alignment of ATA data, for O_DIRECT: sector_bytes, or a larger power of two.
        std::size_t payload_alignment = sector_bytes;

        /// The distance from the start of a slot to its frame. Besides aligning the data, it keeps the kernel
        /// from copying to page-aligned destinations, which cost three to four times as much for frames of a
        /// page and more (measured).
        [[nodiscard]] std::size_t frame_offset() const {
            return payload_alignment - protocol::ata_header_bytes;
        }
        /// The size of a slot. Slots of less than a page are a power of two, so that no small payload crosses
        /// a page: a disk takes it up to a tenth slower in two pieces (measured). Larger slots are whole
        /// pages, the chunks of AF_XDP.
        [[nodiscard]] std::size_t slot_bytes() const {
            const std::size_t needed = frame_offset() + frame_bytes;
            const std::size_t whole =
                (needed + payload_alignment - 1) / payload_alignment * payload_alignment;
            return whole < page_bytes ? std::bit_ceil(whole)
                                      : (whole + page_bytes - 1) / page_bytes * page_bytes;
        }
        [[nodiscard]] std::size_t region_bytes() const { return slots * slot_bytes(); }
    };

    /// `memory` must have layout.region_bytes() bytes, aligned to 4096, and outlive the pool. `id` is for the
    /// code that lends its slots out.
    FramePool(Bytes memory, const Layout& layout, std::uint16_t id = 0)
        : memory_(memory), slot_bytes_(layout.slot_bytes()), frame_offset_(layout.frame_offset()),
          slots_(layout.slots), id_(id) {
        free_.reserve(slots_);
        for (std::uint32_t i = slots_; i-- > 0;)
            free_.push_back(i);
    }
    FramePool(const FramePool&) = delete;
    FramePool& operator=(const FramePool&) = delete;

    /// Returns the slot given back last, which is the one most likely in the processor's cache, or nothing if
    /// none is free.
    std::optional<FrameSlot> take() {
        if (free_.empty())
            return std::nullopt;
        const std::uint32_t index = free_.back();
        free_.pop_back();
        return FrameSlot(this, index, 0);
    }
    /// Takes a slot for a frame that the core sends unasked, but leaves the last ones to requests.
    std::optional<FrameSlot> take_spare() {
        constexpr std::size_t most_left = 16;
        if (free_slots() <= std::min<std::size_t>(slots() / 8, most_left))
            return std::nullopt;
        return take();
    }
    /// Takes back ownership of a released slot, which now has a frame of `length` bytes in it.
    FrameSlot adopt(std::uint32_t index, std::size_t length) {
        return {this, index, static_cast<std::uint32_t>(length)};
    }

    /// Returns the address at which the frame of the slot begins.
    [[nodiscard]] Bytes slot(std::uint32_t index) const {
        return memory_.subspan(index * slot_bytes_ + frame_offset_, frame_capacity());
    }
    [[nodiscard]] std::uint16_t id() const { return id_; }
    [[nodiscard]] std::size_t frame_capacity() const { return slot_bytes_ - frame_offset_; }
    [[nodiscard]] std::uint32_t slots() const { return slots_; }
    [[nodiscard]] std::size_t free_slots() const { return free_.size(); }
    [[nodiscard]] Use& use() { return use_; }
    [[nodiscard]] const Use& use() const { return use_; }

    /// Sets the number of requests of one export that a sender may have under way in this pool; 0 leaves it
    /// to Holdings.
    void set_buffer_count(std::size_t buffers) { buffer_count_ = buffers; }
    [[nodiscard]] std::size_t buffer_count() const { return buffer_count_; }
    /// Reserves this many slots for receiving, which are lent or will be as soon as they are free. Exports
    /// must not have them.
    void set_aside(std::size_t slots) { aside_ = slots; }
    /// Returns how many slots remain for exports.
    [[nodiscard]] std::size_t usable() const { return slots_ - std::min<std::size_t>(aside_, slots_); }

  private:
    friend class FrameSlot;

    Bytes memory_;
    std::size_t slot_bytes_;
    std::size_t frame_offset_;
    std::uint32_t slots_;
    std::uint16_t id_;
    std::vector<std::uint32_t> free_;
    std::size_t aside_ = 0;
    std::size_t buffer_count_ = 0;
    Use use_;
};

inline FrameSlot::~FrameSlot() {
    if (pool_ != nullptr)
        pool_->free_.push_back(index_);
}
inline Bytes FrameSlot::capacity() const {
    return pool_->slot(index_);
}
inline Bytes FrameSlot::frame() const {
    return capacity().first(length_);
}

} // namespace aoetarget::core
