// Memory for data that cannot go directly between a device and the slots of frames: partial logical blocks,
// strict alignment, verification.
#pragma once

#include "core/holdings.hpp"
#include "core/operation.hpp"
#include "geometry.hpp"

#include <cstdlib>
#include <memory>
#include <vector>

namespace aoetarget::core {

/// Each export owns one buffer, and some are shared (see Holdings). Operations that may have none now wait in
/// line.
class BouncePool {
  public:
    /// A buffer holds the largest operation and a partial block on each end, for blocks of up to 64 KiB.
    static constexpr std::size_t buffer_bytes = 256 * 1024;
    static constexpr std::size_t max_block_bytes = max_logical_block_bytes;
    static_assert(max_merged_sectors * sector_bytes + 2 * max_block_bytes <= buffer_bytes);

    /// `shared` must be a whole number of buffers, aligned to 4096 bytes.
    explicit BouncePool(Bytes shared);

    /// Adds or removes an export with a buffer of its own. The memory is never given back, and the kernel
    /// provides only the pages that are touched.
    void add_export();
    void remove_export() { --exports_; }
    /// Returns an empty span if the export may have none now.
    Bytes take(Account& account);
    /// Gives one back; returns the operation that has waited longest of those that may have one now, or null.
    Operation* give_back(Bytes buffer, Account& account);
    void wait(Operation& operation);

  private:
    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };

    [[nodiscard]] bool may_take(const Account& account) const;

    std::vector<std::unique_ptr<std::byte, Free>> owned_memory_;
    std::vector<Bytes> free_;
    std::size_t shared_; ///< Buffers that no export owns.
    std::size_t exports_ = 0;
    std::size_t owners_ = 0; ///< Exports that have at least one buffer.
    Operation* first_waiter_ = nullptr;
    Operation* last_waiter_ = nullptr;
};

} // namespace aoetarget::core
