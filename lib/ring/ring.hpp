// The ring: everything that a target waits for comes through one io_uring. This layer knows liburing: set-up,
// submission, dispatch of completions, registered files and buffers. It knows nothing of AoE.
//
// One turn of the loop is: wait() or poll(), which submits all that was prepared and hands every completion
// to its handler; what the owner does with that; run_deferred(). All of them prepare new operations, which
// the next wait() or poll() submits together.
#pragma once

#include <aoetarget/address.hpp>

#include "ring/busy_poll.hpp"
#include "ring/file_descriptor.hpp"

#include <liburing.h>

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace aoetarget::ring {

/// Receives the completions of what it submitted.
class CompletionHandler {
  public:
    /// `argument` as given to Ring::submit(), `result` and `flags` as in the completion queue entry.
    virtual void on_completion(std::uint64_t argument, int result, std::uint32_t flags) = 0;

  protected:
    ~CompletionHandler() = default;
};

/// Work put off to the end of the turn, when all completions are handled.
class Deferred {
  public:
    virtual void on_turn_end() = 0;

  protected:
    ~Deferred() = default;
};

using HandlerId = std::uint16_t;

/// A file as the ring knows it: an entry of its table of registered files, or, where that is full, a plain
/// descriptor.
struct RingFile {
    int index_or_fd = -1;
    bool registered = false;

    void apply(io_uring_sqe* sqe) const {
        sqe->fd = index_or_fd;
        if (registered)
            sqe->flags |= IOSQE_FIXED_FILE;
    }
};

/// Has a worker thread carry out this write at once. A write to a regular file that the kernel gives to a
/// worker only when it turns out to block waits in one of 64 queues, chosen by the file, for all that is
/// there already, of other files too. For the kernel it costs more: writes to one file then get in each
/// other's way. Linux 6.1 needs the file to be registered for it.
inline void skip_queues(io_uring_sqe* sqe) {
    sqe->flags |= IOSQE_ASYNC;
}

class Ring {
  public:
    /// `completions`: how many operations may be under way at once without overflow. Throws
    /// std::system_error.
    explicit Ring(unsigned completions);
    ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    /// Before the first turn: also lets this operation (IORING_OP_...) through. The ring takes no other
    /// operations than those of frames, devices and waiting, so that whoever gets hold of the process cannot
    /// use it for more.
    void allow(std::uint8_t operation) { allowed_.push_back(operation); }

    /// Lets the kernel have so many worker threads for operations that block beyond its usual number, and has
    /// it look at once whether one more is of use. It has them only as long as there is something for them.
    void set_more_workers(std::size_t more);

    HandlerId add_handler(CompletionHandler& handler);
    /// Completions that are still to come for it are thrown away; the id is used again when the last has
    /// come.
    void remove_handler(HandlerId id);
    /// Operations of this handler that have not completed.
    [[nodiscard]] unsigned outstanding(HandlerId id) const { return handlers_[id].outstanding; }

    /// The first turn was taken: whoever blocks now keeps others waiting.
    [[nodiscard]] bool is_turning() const { return enabled_; }

    /// Something has completed that no turn has handed out yet.
    [[nodiscard]] bool has_completions() const { return io_uring_cq_ready(&ring_) > 0; }

    /// Prepares one operation: `prepare(sqe)` fills it in. `argument` has 48 bits and may be a pointer.
    template <typename Prepare>
    void submit(HandlerId id, std::uint64_t argument, Prepare prepare) {
        io_uring_sqe* sqe = next_sqe();
        prepare(sqe);
        sqe->user_data = std::uint64_t{id} << argument_bits | argument;
        ++handlers_[id].outstanding;
    }
    /// The same for an operation whose end nobody is told of. If it fails the loop takes a turn, so that its
    /// owner may look.
    template <typename Prepare>
    void submit_unwatched(Prepare prepare) {
        io_uring_sqe* sqe = next_sqe();
        prepare(sqe);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = nobody;
    }
    /// Cancels the operation that was submitted with these; it still completes, with ECANCELED unless it was
    /// too late.
    void cancel(HandlerId id, std::uint64_t argument);

    /// The descriptor stays the caller's; the ring's own reference keeps the file open until
    /// unregister_file().
    RingFile register_file(int fd);
    void unregister_file(const RingFile& file);

    /// Pins memory for READ_FIXED and WRITE_FIXED. Returns false, and everything works unregistered, where
    /// the kernel refuses.
    bool register_buffer(std::span<std::byte> memory);
    void unregister_buffer(std::span<std::byte> memory);
    /// The registered buffer that holds these bytes, or -1.
    [[nodiscard]] int buffer_index(const void* data, std::size_t bytes) const;

    /// Runs `work` once, at the next run_deferred().
    void defer(Deferred& work);
    /// Forgets what was deferred for `work`, which is going away.
    void undefer(Deferred& work);
    [[nodiscard]] bool has_deferred() const { return !deferred_.empty(); }

    /// Submits and waits until there is a completion, then hands out those that are there, up to a bounded
    /// number. Asleep, except for as long as `busy_poll` has it. Throws std::system_error if the ring fails.
    void wait(BusyPoll& busy_poll);
    void wait() {
        BusyPoll never(BusyPoll::Duration(0));
        wait(never);
    }
    /// The same without sleeping. Returns whether there was anything.
    bool poll();
    /// Does what was deferred. The end of a turn.
    void run_deferred();
    /// For hosts that sleep elsewhere: submits what was prepared now and not with the next turn.
    void submit_prepared();

    /// Readable when poll() has something to do, and before the first poll(). Not the ring's own descriptor:
    /// where completions are deferred to the thread that waits for them, nobody who sleeps on that one is
    /// woken.
    [[nodiscard]] int fd() noexcept;
    /// Makes fd() readable, if anybody has asked for it. From any thread and from signal handlers.
    void signal() noexcept;
    [[nodiscard]] io_uring* raw() { return &ring_; }
    /// "defer-taskrun, registered files, ..." as found on this kernel.
    [[nodiscard]] std::string features() const;

  private:
    static constexpr unsigned argument_bits = 48;
    static constexpr std::uint64_t nobody = ~0ULL; ///< user_data of what needs no handler.
    static constexpr unsigned batch = 256;

    struct HandlerEntry {
        CompletionHandler* handler = nullptr;
        unsigned outstanding = 0;
        bool removed = false;
    };

    io_uring_sqe* next_sqe();
    void enable();
    void wait_for_completion(BusyPoll& busy_poll);
    [[nodiscard]] bool has_events() const;
    void restrict_operations();
    void limit_workers(std::size_t more);
    bool handle_completions();

    io_uring ring_{};
    FileDescriptor event_; ///< What fd() gives; silent until it is asked for.
    std::atomic<bool> signals_ = false;
    bool enabled_ = false;
    bool defer_taskrun_ = false;
    bool restricted_ = false;
    std::size_t more_workers_ = 0;
    std::vector<std::uint8_t> allowed_; ///< Operations, beyond those of every target.
    std::vector<HandlerEntry> handlers_;
    std::vector<Deferred*> deferred_;
    std::vector<Deferred*> deferred_now_;
    std::vector<int> free_files_;
    std::vector<std::span<std::byte>> buffers_; // by index; empty where free
    bool buffers_refused_ = false;
};

} // namespace aoetarget::ring
