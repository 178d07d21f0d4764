// The memory of frames: regions that are registered with the ring, each cut into the slots of a pool, some of
// which are with the kernel as receive buffers.
#pragma once

#include "core/frame_pool.hpp"
#include "ring/buffer_ring.hpp"
#include "ring/mapping.hpp"

#include <memory>
#include <optional>

namespace aoetarget::net {

class FrameMemory {
  public:
    /// `id`: also that of the buffer group. Throws std::system_error.
    FrameMemory(ring::Ring& ring, std::uint16_t id, const core::FramePool::Layout& layout);
    ~FrameMemory();

    [[nodiscard]] core::FramePool& pool() { return pool_; }
    [[nodiscard]] const core::FramePool::Layout& layout() const { return layout_; }
    [[nodiscard]] Bytes bytes() const { return memory_.bytes(); }
    [[nodiscard]] std::uint16_t group() const { return pool_.id(); }

    /// How many slots lend() lends at the most, of `most` that are wished for: never more than a quarter.
    [[nodiscard]] std::size_t most_lent(std::size_t most) const;
    /// Lends free slots to the kernel for receiving until it has as many as it should. Returns whether it has
    /// any.
    bool lend(std::size_t most);
    /// A frame of `length` bytes has arrived in a slot that was lent.
    core::FrameSlot received(std::uint16_t slot, std::size_t length);
    /// From now on so much comes before each frame. Nothing may be receiving.
    void set_header(std::size_t bytes);
    /// What came before the frame in a slot that was lent.
    [[nodiscard]] ConstBytes header(std::uint16_t slot) const {
        return {pool_.slot(slot).data() - header_bytes_, header_bytes_};
    }
    /// Lends the slot to a lane.
    std::uint32_t lend_out(core::FrameSlot slot);
    /// A slot that was lent out comes back, with a frame of `length` bytes.
    core::FrameSlot take_back(std::uint32_t slot, std::size_t length);
    /// A lane has or had it. When that is gone, what was lent to it does not come back: the kernel may still
    /// be reading it.
    [[nodiscard]] bool had_lane() const { return had_lane_; }
    /// What is lent to it now, or was when it went.
    [[nodiscard]] std::size_t with_lane() const { return with_lane_; }
    /// Nothing is received into this memory any more: takes back what was lent for receiving.
    void retire();
    /// Another link has it from now on. Throws std::system_error.
    void revive();
    [[nodiscard]] bool retired() const { return retired_; }
    /// It is retired, and nobody but a lane that is gone has any of it: it may go.
    [[nodiscard]] bool unused() const { return retired_ && pool_.free_slots() + with_lane_ == pool_.slots(); }

  private:
    enum class Lent : std::uint8_t { no, socket, lane };

    ring::Ring& ring_;
    const core::FramePool::Layout layout_;
    ring::Mapping memory_;
    core::FramePool pool_;
    std::optional<ring::BufferRing> buffers_; ///< Never empty while a link has it.
    std::vector<Lent> lent_to_;               ///< By slot.
    std::size_t lent_ = 0;                    ///< For receiving.
    std::size_t with_lane_ = 0;
    bool had_lane_ = false;
    std::size_t header_bytes_ = 0;
    bool retired_ = false;
};

/// All frame memory of a target. Memory outlives its link while a request or an answer is still in it, which
/// may be for as long as a device does not answer.
class FrameMemories {
  public:
    /// How many regions that no link has any more may be kept, each of up to 16 MiB. Beyond that, links
    /// continue with the memory that they have, and new ones get that of an earlier link.
    static constexpr std::size_t max_retired = 4;

    explicit FrameMemories(ring::Ring& ring) : ring_(ring) {}

    /// From now on the ATA data in new memory is aligned to this; devices that demand more get it through a
    /// copy.
    void align_payload(std::size_t bytes) { payload_alignment_ = std::max(payload_alignment_, bytes); }
    /// How slots for frames of up to `frame_bytes` would lie, where there are so many exports. `alignment`:
    /// of the ATA data, where it is to be less than devices demand.
    [[nodiscard]] core::FramePool::Layout layout_for(std::size_t frame_bytes, std::size_t exports,
                                                     std::optional<std::size_t> alignment = {}) const;
    /// For a new link; where there is no room, it may be memory that had a lane. Throws std::system_error.
    FrameMemory& add(const core::FramePool::Layout& layout);
    /// Another memory may be retired for one that is added.
    [[nodiscard]] bool has_room() const;
    /// The memory whose pool has this id.
    [[nodiscard]] FrameMemory& find(std::uint16_t id) { return *memories_[id]; }
    /// Frees what is retired and unused.
    void collect();

  private:
    FrameMemory& revive(const core::FramePool::Layout& layout);

    ring::Ring& ring_;
    std::size_t payload_alignment_ = sector_bytes;
    std::vector<std::unique_ptr<FrameMemory>> memories_; ///< By id; null where free.
};

} // namespace aoetarget::net
