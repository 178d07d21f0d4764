// Memory that is registered with a ring, so that the kernel need not pin its pages for each operation.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace aoetarget::ring {

class BufferTable {
  public:
    explicit BufferTable(io_uring& ring) : ring_(ring) {}

    /// Once, when the ring is there. Nothing depends on it: where the kernel refuses, no buffer is
    /// registered.
    void set_up();
    /// Returns false, and everything works unregistered, where the table is full or the kernel refuses.
    bool add(std::span<std::byte> memory);
    /// Also memory that was refused.
    void remove(std::span<std::byte> memory);
    /// The registered buffer that holds these bytes, or -1.
    [[nodiscard]] int index_of(const void* data, std::size_t bytes) const;
    /// "registered buffers", "plain buffers", or how many are which.
    [[nodiscard]] std::string description() const;

  private:
    bool update(std::size_t index, const iovec& memory);

    io_uring& ring_;
    std::vector<std::span<std::byte>> buffers_; ///< By index; empty where free.
    std::vector<const std::byte*> refused_;     ///< Where those begin that are used unregistered.
};

} // namespace aoetarget::ring
