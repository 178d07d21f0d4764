// The present frame memory of a link.
#pragma once

#include "net/frame_memory.hpp"
#include "net/link_context.hpp"

namespace aoetarget::net {

/// The link has none before the first replace().
class LinkMemory {
  public:
    LinkMemory(const LinkContext& link, FrameMemories& memories) : link_(link), memories_(memories) {}
    /// Retires the memory. The link must have closed its lane and ended its receive.
    ~LinkMemory();
    LinkMemory(const LinkMemory&) = delete;
    LinkMemory& operator=(const LinkMemory&) = delete;

    [[nodiscard]] FrameMemory& operator*() const { return *memory_; }
    [[nodiscard]] FrameMemory* operator->() const { return memory_; }

    /// Returns whether the slots hold the longest frame that the interface can bring, a lane can have them if
    /// one is asked for, and no lane that is gone has any of them. `has_lane` tells whether the link has a
    /// lane now.
    [[nodiscard]] bool fits(bool has_lane) const;
    /// Returns whether there may be other memory for this link now.
    [[nodiscard]] bool is_replaceable() const { return memory_ == nullptr || memories_.has_room(); }
    /// Takes memory for the present state of the interface, and retires the old memory, into which nothing
    /// may be received any more. Returns false if there is none now, so that the slots still bound the
    /// frames. Throws std::system_error if it had none before.
    bool replace();
    /// Reserves the slots that are, or will be, lent to the socket (`buffers`) or to a lane (`in_lane`),
    /// because requests come in through them.
    void set_aside(std::size_t buffers, std::size_t in_lane);

  private:
    [[nodiscard]] core::FramePool::Layout wanted_layout() const;

    const LinkContext& link_;
    FrameMemories& memories_;
    FrameMemory* memory_ = nullptr;
};

} // namespace aoetarget::net
