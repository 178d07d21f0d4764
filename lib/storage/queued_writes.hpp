// The writes of one regular file that are under way, so that writes of other files do not keep them waiting.
//
// The kernel sorts writes that turn out to block into 64 queues, by their file, and carries out those of a
// queue one after the other: for one file that is faster than worker threads that get in each other's way.
// But files share a queue by chance, and then a write waits for as long as another file's disk does not
// answer. Therefore the oldest write of the file is cancelled when it has not ended for a while, which does
// nothing to one that has begun: then it is this file that hangs. If it had not begun and another file hangs,
// all writes of this file skip the queues for the next seconds.
#pragma once

#include "ring/ring.hpp"

#include <cstdint>
#include <vector>

namespace aoetarget::storage {

class QueuedWrites final : private ring::CompletionHandler {
  public:
    /// `submitter` submits the writes.
    QueuedWrites(ring::Ring& ring, ring::HandlerId submitter)
        : ring_(ring), submitter_(submitter), handler_(ring.add_handler(*this)) {}
    ~QueuedWrites() { ring_.remove_handler(handler_); } // all writes have ended
    QueuedWrites(const QueuedWrites&) = delete;
    QueuedWrites& operator=(const QueuedWrites&) = delete;

    /// A write with this argument is about to be submitted. `place` is for the use of this class until it has
    /// ended. Returns whether the write has to skip the queues.
    bool begin(std::uint64_t argument, std::uint64_t& place);
    /// The write has completed with `result`. Returns whether it was cancelled here: it has to be submitted
    /// again.
    bool end(std::uint64_t place, int result);

  private:
    struct Write {
        std::uint64_t argument;
        std::uint64_t* place; ///< Holds where in `writes_` it is.
        std::uint64_t number; ///< They count up from the first.
        bool cancelled = false;
    };

    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void look_soon();
    void cancel(Write& write);

    ring::Ring& ring_;
    const ring::HandlerId submitter_;
    const ring::HandlerId handler_;
    std::vector<Write> writes_; ///< Those that may be in a queue, in any order.
    std::uint64_t next_number_ = 0;
    std::uint64_t next_number_at_last_look_ = 0;
    unsigned looks_to_skip_for_ = 0; ///< Writes skip the queues for so many looks more.
    bool looks_soon_ = false;
    bool hangs_ = false; ///< The oldest write has begun and does not end.
};

} // namespace aoetarget::storage
