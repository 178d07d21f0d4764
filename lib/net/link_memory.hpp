// The frame memory that a link has at the moment.
#pragma once

#include "net/frame_memory.hpp"
#include "net/link_context.hpp"

namespace aoetarget::net {

/// Has none before the first replace().
class LinkMemory {
  public:
    LinkMemory(const LinkContext& link, FrameMemories& memories) : link_(link), memories_(memories) {}
    /// Retires the memory: the link must have closed its lane, and its receive be ended.
    ~LinkMemory();
    LinkMemory(const LinkMemory&) = delete;
    LinkMemory& operator=(const LinkMemory&) = delete;

    [[nodiscard]] FrameMemory& operator*() const { return *memory_; }
    [[nodiscard]] FrameMemory* operator->() const { return memory_; }

    /// The slots hold the longest frame that the interface can bring, and no lane that is gone has any of
    /// them. `has_lane`: the link has one now.
    [[nodiscard]] bool fits(bool has_lane) const;
    /// There may be other memory for this link now.
    [[nodiscard]] bool is_replaceable() const { return memory_ == nullptr || memories_.has_room(); }
    /// Takes memory for the interface as it is, and retires what it had, into which nothing may be received
    /// any more. False: there is none now, and frames stay as long as the slots are. Throws std::system_error
    /// where it had none before.
    bool replace();
    /// No export gets those slots that are lent to the socket (`buffers`) or to a lane (`in_lane`), or are to
    /// be: requests come in through them.
    void set_aside(std::size_t buffers, std::size_t in_lane);

  private:
    [[nodiscard]] core::FramePool::Layout wanted_layout() const;

    const LinkContext& link_;
    FrameMemories& memories_;
    FrameMemory* memory_ = nullptr;
};

} // namespace aoetarget::net
