// The memory of frames: regions that are registered with the ring, each cut into the slots of a pool. Some of
// the slots are with the kernel as receive buffers.
#pragma once

#include "core/frame_pool.hpp"
#include "ring/buffer_ring.hpp"
#include "ring/mapping.hpp"

#include <memory>
#include <optional>

namespace aoetarget::net {

class FrameMemory {
  public:
    /// `id` is also that of the buffer group. Throws std::system_error.
    FrameMemory(ring::Ring& ring, std::uint16_t id, const core::FramePool::Layout& layout);
    ~FrameMemory();

    [[nodiscard]] core::FramePool& pool() { return pool_; }
    [[nodiscard]] const core::FramePool::Layout& layout() const { return layout_; }
    [[nodiscard]] Bytes bytes() const { return memory_.bytes(); }
    [[nodiscard]] std::uint16_t group() const { return pool_.id(); }

    /// Lends free slots to the kernel for receiving until it has as many as most_lent() says. Returns whether
    /// it has any.
    bool lend(std::size_t most);
    /// Takes back a lent slot, in which a frame of `length` bytes has arrived.
    core::FrameSlot received(std::uint16_t slot, std::size_t length);
    /// Sets the number of bytes that the kernel puts before each frame. No receive may be under way.
    void set_header(std::size_t bytes);
    /// Returns the bytes that came before the frame in a slot that was lent.
    [[nodiscard]] ConstBytes header(std::uint16_t slot) const {
        return {pool_.slot(slot).data() - header_bytes_, header_bytes_};
    }
    /// Lends the slot to a lane.
    std::uint32_t lend_out(core::FrameSlot slot);
    /// Takes back a slot from the lane, with a frame of `length` bytes.
    core::FrameSlot take_back(std::uint32_t slot, std::size_t length);
    /// Returns whether a lane has or had this memory. When a lane is gone, slots that were lent to it do not
    /// come back: the kernel may still be reading them.
    [[nodiscard]] bool had_lane() const { return had_lane_; }
    /// Returns how many slots are lent to a lane now, or were when it went.
    [[nodiscard]] std::size_t with_lane() const { return with_lane_; }
    /// Ends receiving into this memory, and takes back the slots that were lent for it.
    void retire();
    /// Prepares retired memory for another link. Throws std::system_error.
    void revive();
    [[nodiscard]] bool retired() const { return retired_; }
    /// Returns whether it is retired and may go, because no slot is in use, except by a lane that is gone.
    [[nodiscard]] bool unused() const { return retired_ && pool_.free_slots() + with_lane_ == pool_.slots(); }

  private:
    enum class Lent : std::uint8_t { no, socket, lane };

    ring::Ring& ring_;
    const core::FramePool::Layout layout_;
    ring::Mapping memory_;
    core::FramePool pool_;
    std::optional<ring::BufferRing> buffers_; ///< Never empty while a link has it.
    std::vector<Lent> lent_to_;               ///< Indexed by slot.
    std::size_t lent_ = 0;                    ///< The number of slots lent for receiving.
    std::size_t with_lane_ = 0;
    bool had_lane_ = false;
    std::size_t header_bytes_ = 0;
    bool retired_ = false;
};

/// Returns how many of the slots of a memory are lent at most where `most` should be: never more than a
/// quarter.
std::size_t most_lent(std::size_t most, std::size_t slots);

/// Returns how many slots are lent to a packet socket for receiving. More would only be colder in the
/// processor's caches (lib/net/README.md, "Receiving"), and beside a lane little arrives there.
constexpr std::size_t socket_slots(bool has_lane) {
    return has_lane ? 64 : 256;
}

/// Returns the layout of slots for frames of interfaces with this MTU and this number of exports. `alignment`
/// is that of the ATA data.
core::FramePool::Layout frame_layout(unsigned mtu, std::size_t exports, std::size_t alignment);

/// All frame memory of a target. Memory outlives its link while a request or an answer is still in it, which
/// may be as long as a device does not answer.
class FrameMemories {
  public:
    /// The number of retired regions that may be kept, each of up to 16 MiB. Beyond that, links continue with
    /// the memory that they have, and new links get that of an earlier one.
    static constexpr std::size_t max_retired = 4;

    explicit FrameMemories(ring::Ring& ring) : ring_(ring) {}

    /// Sets the alignment of ATA data in new memory. Devices that demand more get their data through a copy.
    void align_payload(std::size_t bytes) { payload_alignment_ = std::max(payload_alignment_, bytes); }
    /// Returns the alignment that ATA data has in new memory.
    [[nodiscard]] std::size_t payload_alignment() const { return payload_alignment_; }
    /// Returns memory for a new link. If there is no room, it may be memory that had a lane. Throws
    /// std::system_error.
    FrameMemory& add(const core::FramePool::Layout& layout);
    /// Returns whether one more memory may be retired in favour of a new one.
    [[nodiscard]] bool has_room() const;
    /// Returns the memory whose pool has this id.
    [[nodiscard]] FrameMemory& find(std::uint16_t id) { return *memories_[id]; }
    /// Frees memory that is retired and unused.
    void collect();

  private:
    FrameMemory& revive(const core::FramePool::Layout& layout);

    ring::Ring& ring_;
    std::size_t payload_alignment_ = sector_bytes;
    std::vector<std::unique_ptr<FrameMemory>> memories_; ///< Indexed by id; null if the id is free.
};

} // namespace aoetarget::net
