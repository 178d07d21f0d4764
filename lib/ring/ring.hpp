// The ring: everything that a target waits for comes through one io_uring. This layer knows liburing: set-up,
// submission, dispatch of completions, registered files and buffers. It knows nothing of AoE.
//
// One turn of the loop has three parts: wait() or poll() submits all prepared operations and hands every
// completion to its handler, the owner does its work, and run_deferred() does deferred work. All of them
// prepare new operations, which the next wait() or poll() submits together.
#pragma once

#include <aoetarget/address.hpp>

#include "ring/buffer_table.hpp"
#include "ring/busy_poll.hpp"
#include "ring/file_descriptor.hpp"

#include <liburing.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace aoetarget::ring {

/// Receives the completions of operations that it submitted.
class CompletionHandler {
  public:
    /// `argument` is that of Ring::submit(); `result` and `flags` are those of the completion queue entry.
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

/// A file of the ring: an entry of its table of registered files, or a plain descriptor if the table is full.
struct RingFile {
    int index_or_fd = -1;
    bool registered = false;

    void apply(io_uring_sqe* sqe) const {
        sqe->fd = index_or_fd;
        if (registered)
            sqe->flags |= IOSQE_FIXED_FILE;
    }
};

/// Makes a worker thread carry out this write at once. Otherwise a write to a regular file goes to a worker
/// only when it turns out to block, and first waits in one of 64 queues, chosen by the file, behind all
/// writes there, of other files too. It costs the kernel more, because writes to one file then get in each
/// other's way. Linux 6.1 needs a registered file for it.
inline void skip_queues(io_uring_sqe* sqe) {
    sqe->flags |= IOSQE_ASYNC;
}

class Ring {
  public:
    /// `completions` is the number of operations that may be under way at once without overflow. Throws
    /// std::system_error.
    explicit Ring(unsigned completions);
    ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    /// Allows this operation (IORING_OP_...) too. It must be called before the first turn. The ring takes no
    /// other operations than those of frames, devices and waiting, so that an attacker who gets hold of the
    /// process cannot use it for more.
    void allow(std::uint8_t operation) { allowed_.push_back(operation); }

    /// Allows the kernel this many worker threads beyond its usual number for operations that block, and
    /// makes it check at once whether it needs one more. It keeps them only as long as they have work.
    void set_more_workers(std::size_t more);

    HandlerId add_handler(CompletionHandler& handler);
    /// Removes a handler. Its later completions are thrown away, and its id is used again when the last has
    /// come.
    void remove_handler(HandlerId id);
    /// Returns how many operations of this handler have not completed.
    [[nodiscard]] unsigned outstanding(HandlerId id) const { return handlers_[id].outstanding; }

    /// Returns whether the first turn was taken, so that blocking would keep others waiting.
    [[nodiscard]] bool is_turning() const { return enabled_; }

    /// Returns whether there are completions that no turn has handed out yet.
    [[nodiscard]] bool has_completions() const { return !taken_.empty() || io_uring_cq_ready(&ring_) > 0; }

    /// Prepares one operation, which `prepare(sqe)` fills in. `argument` has 48 bits and may be a pointer.
    template <typename Prepare>
    void submit(HandlerId id, std::uint64_t argument, Prepare prepare) {
        io_uring_sqe* sqe = next_sqe();
        prepare(sqe);
        sqe->user_data = std::uint64_t{id} << argument_bits | argument;
        ++handlers_[id].outstanding;
    }
    /// Does the same for an operation without a completion. If it fails, the loop takes a turn, so that its
    /// owner may look.
    template <typename Prepare>
    void submit_unwatched(Prepare prepare) {
        io_uring_sqe* sqe = next_sqe();
        prepare(sqe);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = nobody;
    }
    /// Cancels the operation that was submitted with this handler and argument. It still completes, with
    /// ECANCELED unless it was too late.
    void cancel(HandlerId id, std::uint64_t argument);

    /// The caller still owns the descriptor. The ring's own reference keeps the file open until
    /// unregister_file().
    RingFile register_file(int fd);
    void unregister_file(const RingFile& file);
    /// Lets go of all registered files, before this returns: the kernel does so some time after an entry was
    /// unregistered (a second on Linux 6.1) or the ring destroyed. It must be called on the thread of the
    /// loop, when no operation that uses a registered file is under way, or this waits for that.
    void release_files();
    /// Gives up what this thread has registered for the ring, when its loop has ended. The kernel numbers
    /// that by thread, so another thread would end what it has registered for another ring.
    void leave_thread();

    /// Pins memory for READ_FIXED and WRITE_FIXED. Returns false if the kernel refuses; everything then works
    /// without it.
    bool register_buffer(std::span<std::byte> memory) { return buffers_.add(memory); }
    void unregister_buffer(std::span<std::byte> memory) { buffers_.remove(memory); }
    /// Returns the index of the registered buffer that holds these bytes, or -1.
    [[nodiscard]] int buffer_index(const void* data, std::size_t bytes) const {
        return buffers_.index_of(data, bytes);
    }

    /// Runs `work` once, at the next run_deferred().
    void defer(Deferred& work);
    /// Forgets `work`, which is about to be destroyed.
    void undefer(Deferred& work);
    [[nodiscard]] bool has_deferred() const { return !deferred_.empty(); }

    /// Submits, waits until there is a completion, and hands out the present ones, up to a bounded number. It
    /// stays awake as long as `busy_poll` says, and then sleeps. Throws std::system_error if the ring fails.
    void wait(BusyPoll& busy_poll);
    void wait() {
        BusyPoll never(BusyPoll::Duration(0));
        wait(never);
    }
    /// Does the same without waiting. Returns whether there was a completion.
    bool poll();
    /// Returns when the last wait() or poll() began to hand completions out, on the steady clock.
    [[nodiscard]] std::chrono::nanoseconds woke_at() const { return woke_at_; }
    /// Runs the deferred work, at the end of a turn.
    void run_deferred();
    /// Submits prepared operations now and not with the next turn, for hosts that sleep elsewhere.
    void submit_prepared();

    /// Returns a descriptor that is readable when poll() has something to do, and before the first poll(). It
    /// is not the ring's own descriptor: completions that are deferred to the waiting thread do not wake a
    /// thread that sleeps on that.
    [[nodiscard]] int fd() noexcept;
    /// Makes fd() readable if the host has asked for it. Any thread and any signal handler may call this.
    void signal() noexcept;
    [[nodiscard]] io_uring* raw() { return &ring_; }
    /// Returns the features that this kernel has granted: "defer-taskrun, registered files, ...".
    [[nodiscard]] std::string features() const;

  private:
    static constexpr unsigned argument_bits = 48;
    static constexpr std::uint64_t nobody = ~0ULL; ///< user_data of operations without a handler.
    static constexpr unsigned batch = 256;

    struct HandlerEntry {
        CompletionHandler* handler = nullptr;
        unsigned outstanding = 0;
        bool removed = false;
    };

    struct Completion {
        std::uint64_t user_data;
        int result;
        std::uint32_t flags;
    };

    io_uring_sqe* next_sqe();
    void enable();
    void wait_for_completion(BusyPoll& busy_poll);
    [[nodiscard]] bool has_events() const;
    void restrict_operations();
    void limit_workers(std::size_t more);
    void take_completions();
    bool handle_completions();

    io_uring ring_{};
    FileDescriptor event_; ///< The descriptor of fd(), silent until that is called.
    std::atomic<bool> signals_ = false;
    bool enabled_ = false;
    bool defer_taskrun_ = false;
    bool restricted_ = false;
    std::size_t more_workers_ = 0;
    std::chrono::nanoseconds woke_at_{};
    /// A process that gives up rights cannot ask any more.
    const unsigned processors_ = static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN));
    std::vector<std::uint8_t> allowed_; ///< Operations beyond those of every target.
    std::vector<HandlerEntry> handlers_;
    std::vector<Completion> taken_;    ///< Copied out of the queue, and to be handed out.
    std::vector<Completion> handling_; ///< Those of this turn.
    std::vector<Deferred*> deferred_;
    std::vector<Deferred*> deferred_now_;
    std::vector<int> free_files_;
    BufferTable buffers_{ring_};
};

/// A handler that has its place in the ring for as long as it lives.
class RegisteredHandler : protected CompletionHandler {
  public:
    RegisteredHandler(const RegisteredHandler&) = delete;
    RegisteredHandler& operator=(const RegisteredHandler&) = delete;

    /// Returns whether nothing that it has submitted is under way any more.
    [[nodiscard]] bool quiet() const { return outstanding() == 0; }

  protected:
    [[nodiscard]] unsigned outstanding() const { return ring_.outstanding(id_); }
    explicit RegisteredHandler(Ring& ring) : ring_(ring), id_(ring.add_handler(*this)) {}
    ~RegisteredHandler() { ring_.remove_handler(id_); }

    /// Do as Ring::submit() and Ring::cancel().
    template <typename Prepare>
    void submit(std::uint64_t argument, Prepare prepare) {
        ring_.submit(id_, argument, std::move(prepare));
    }
    void cancel(std::uint64_t argument) { ring_.cancel(id_, argument); }

    Ring& ring_;

  private:
    const HandlerId id_;
};

} // namespace aoetarget::ring
