// The writes of one regular file that are under way, so that writes of other files do not keep them waiting.
//
// The kernel sorts writes that turn out to block into 64 queues, by their file, and carries out the writes of
// a queue one after the other: for one file that is faster than worker threads that get in each other's way.
// But files share a queue by chance, and then a write waits for as long as another file's disk does not
// answer. Therefore this class cancels the oldest write of the file if it has not ended for a while. That
// does nothing to a write that has begun: then this file hangs. If it had not begun and another file hangs,
// all writes of this file skip the queues for the next seconds.
#pragma once

#include "ring/ring.hpp"

#include <cstdint>
#include <vector>

namespace aoetarget::storage {

/// May be destroyed only when all writes have ended.
class QueuedWrites final : private ring::RegisteredHandler {
  public:
    /// `submitter` submits the writes.
    QueuedWrites(ring::Ring& ring, ring::HandlerId submitter)
        : RegisteredHandler(ring), submitter_(submitter) {}

    /// Takes note of a write with this argument that is about to be submitted. This class uses `place` until
    /// the write has ended. Returns whether the write has to skip the queues.
    bool begin(std::uint64_t argument, std::uint64_t& place);
    /// Takes note that the write has completed with `result`. Returns whether this class cancelled it, so
    /// that it has to be submitted again.
    bool end(std::uint64_t place, int result);

  private:
    struct Write {
        std::uint64_t argument;
        std::uint64_t* place; ///< Holds the index in `writes_`.
        std::uint64_t number; ///< Numbers count up from the first write.
        bool cancelled = false;
    };

    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void look_soon();
    void cancel(Write& write);

    const ring::HandlerId submitter_;
    std::vector<Write> writes_; ///< The writes that may be in a queue, in any order.
    std::uint64_t next_number_ = 0;
    std::uint64_t next_number_at_last_look_ = 0;
    unsigned looks_to_skip_for_ = 0; ///< Writes skip the queues for this many more looks.
    bool looks_soon_ = false;
    bool hangs_ = false; ///< True if the oldest write has begun and does not end.
};

} // namespace aoetarget::storage
