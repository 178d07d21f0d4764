// Set-up by what the kernel can do, submission, waiting, and the dispatch of completions.
#include "ring/ring.hpp"

#include "ring/attempt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <system_error>

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace aoetarget::ring {
namespace {

constexpr unsigned submission_entries = 1024;
constexpr unsigned max_files = 4096;
constexpr unsigned max_buffers = 64;
constexpr std::size_t max_handlers = 0xFFFF;
// What a target does through its ring: frames, device I/O, and waiting.
constexpr std::uint8_t common_operations[] = {
    IORING_OP_NOP,     IORING_OP_RECV,         IORING_OP_SEND,     IORING_OP_READ,
    IORING_OP_READV,   IORING_OP_READ_FIXED,   IORING_OP_WRITEV,   IORING_OP_WRITE_FIXED,
    IORING_OP_FSYNC,   IORING_OP_FALLOCATE,    IORING_OP_POLL_ADD, IORING_OP_POLL_REMOVE,
    IORING_OP_TIMEOUT, IORING_OP_ASYNC_CANCEL, IORING_OP_RECVMSG,
};
// And what it changes about the ring after the first turn.
constexpr std::uint8_t registrations[] = {
    IORING_REGISTER_FILES_UPDATE,     IORING_REGISTER_BUFFERS_UPDATE, IORING_REGISTER_PBUF_RING,
    IORING_UNREGISTER_PBUF_RING,      IORING_REGISTER_RING_FDS,       IORING_UNREGISTER_RING_FDS,
    IORING_REGISTER_IOWQ_MAX_WORKERS,
};

[[noreturn]] void fail(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

/// liburing 2.3 declares io_uring_register_restrictions() and io_uring_enable_rings(), and does not export
/// them.
bool register_with(const io_uring& ring, unsigned operation, const void* argument, std::size_t count) {
    return syscall(__NR_io_uring_register, ring.ring_fd, operation, argument, count) >= 0;
}

/// Of io_uring_enter. What was interrupted, or found no memory or room, is tried again by the next turn.
void check_entered(int result) {
    if (result < 0 && result != -EINTR && result != -EBUSY && result != -EAGAIN)
        fail(-result, "io_uring_enter");
}

std::string set_up_advice(int error) {
    switch (error) {
    case EPERM:
        return "cannot set up io_uring: it is switched off here (sysctl kernel.io_uring_disabled, or a "
               "seccomp filter of the "
               "container); allow it";
    case ENOSYS:
        return "cannot set up io_uring: this kernel has none; Linux 6.1 or later is needed";
    case ENOMEM:
        return "cannot set up io_uring: not enough locked memory; raise 'ulimit -l'";
    case EINVAL:
        return "cannot set up io_uring: this kernel is too old; Linux 6.1 or later is needed";
    default:
        return "cannot set up io_uring";
    }
}

/// Where the kernel may start no thread for operations that block, they end with ECANCELED or never, and no
/// write to a file would ever be answered.
void check_workers() {
    const int error = -attempt(io_uring_prep_nop, std::chrono::seconds(2));
    if (error == ECANCELED || error == EAGAIN || error == ETIME)
        fail(EAGAIN,
             "the kernel may start no worker thread here, which operations that block need; raise the "
             "limit of processes ('ulimit -u'; in a container or service also pids.max, TasksMax)");
    if (error != 0)
        fail(error, set_up_advice(error));
}

} // namespace

Ring::Ring(unsigned completions) {
    check_workers();
    // Disabled until the first turn, so that a target may be set up on one thread and run on another: with
    // SINGLE_ISSUER the thread that enables the ring is the one that owns it.
    constexpr unsigned common = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP |
                                IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG;
    constexpr unsigned candidates[] = {
        common | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
        common | IORING_SETUP_COOP_TASKRUN,
    };
    int error = 0;
    for (const unsigned flags : candidates) {
        io_uring_params params{};
        params.flags = flags;
        params.cq_entries = std::max(completions, submission_entries);
        error = -io_uring_queue_init_params(submission_entries, &ring_, &params);
        defer_taskrun_ = (flags & IORING_SETUP_DEFER_TASKRUN) != 0;
        if (error != EINVAL)
            break;
    }
    if (error != 0)
        fail(error, set_up_advice(error));

    // Readable from the beginning: what was prepared is submitted by the first turn.
    event_ = FileDescriptor(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
    error = event_.valid() ? -io_uring_register_eventfd(&ring_, event_.get()) : errno;
    if (error != 0) {
        io_uring_queue_exit(&ring_);
        fail(error, "cannot create an eventfd");
    }
    io_uring_cq_eventfd_toggle(&ring_, false);

    limit_workers(0);
    rlimit open_files{};
    getrlimit(RLIMIT_NOFILE, &open_files); // the kernel refuses a larger table
    const auto files = static_cast<unsigned>(std::min<rlim_t>(open_files.rlim_cur, max_files));
    if (io_uring_register_files_sparse(&ring_, files) == 0) {
        for (unsigned i = files; i-- > 0;)
            free_files_.push_back(static_cast<int>(i));
    }
    if (io_uring_register_buffers_sparse(&ring_, max_buffers) == 0)
        buffers_.resize(max_buffers);
}

Ring::~Ring() {
    io_uring_queue_exit(&ring_);
}

/// As many as the kernel allows by itself, and `more`.
void Ring::limit_workers(std::size_t more) {
    constexpr unsigned unchanged = 0;
    const auto usual = 4 * static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN)) + abandoned_attempts();
    unsigned bounded_and_unbounded[2] = {usual + static_cast<unsigned>(more), unchanged};
    io_uring_register_iowq_max_workers(&ring_, bounded_and_unbounded); // the kernel takes what it allows
}

void Ring::set_more_workers(std::size_t more) {
    if (std::exchange(more_workers_, more) == more)
        return;
    limit_workers(more);
    // It starts one when it is given work, and the next when that blocks.
    submit_unwatched([](io_uring_sqe* sqe) {
        io_uring_prep_nop(sqe);
        sqe->flags |= IOSQE_ASYNC;
    });
}

HandlerId Ring::add_handler(CompletionHandler& handler) {
    const auto free = std::find_if(handlers_.begin(), handlers_.end(), [](const HandlerEntry& entry) {
        return entry.removed && entry.outstanding == 0;
    });
    const HandlerEntry entry{.handler = &handler};
    if (free != handlers_.end()) {
        *free = entry;
        return static_cast<HandlerId>(free - handlers_.begin());
    }
    if (handlers_.size() == max_handlers)
        fail(EMFILE, "too many devices and interfaces in one target");
    handlers_.push_back(entry);
    return static_cast<HandlerId>(handlers_.size() - 1);
}

void Ring::remove_handler(HandlerId id) {
    handlers_[id].handler = nullptr;
    handlers_[id].removed = true;
}

void Ring::cancel(HandlerId id, std::uint64_t argument) {
    const std::uint64_t user_data = std::uint64_t{id} << argument_bits | argument;
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_cancel64(sqe, user_data, 0);
    sqe->user_data = nobody; // what becomes of the cancelled operation tells enough
}

RingFile Ring::register_file(int fd) {
    if (!free_files_.empty()) {
        const int index = free_files_.back();
        if (io_uring_register_files_update(&ring_, static_cast<unsigned>(index), &fd, 1) == 1) {
            free_files_.pop_back();
            return {index, true};
        }
    }
    return {fd, false};
}

void Ring::unregister_file(const RingFile& file) {
    if (!file.registered)
        return;
    int none = -1;
    io_uring_register_files_update(&ring_, static_cast<unsigned>(file.index_or_fd), &none, 1);
    free_files_.push_back(file.index_or_fd);
}

bool Ring::register_buffer(std::span<std::byte> memory) {
    const auto free =
        std::find_if(buffers_.begin(), buffers_.end(), [](auto buffer) { return buffer.empty(); });
    if (free == buffers_.end())
        return false;
    const iovec vector{memory.data(), memory.size()};
    const __u64 tag = 0;
    const auto index = static_cast<unsigned>(free - buffers_.begin());
    if (io_uring_register_buffers_update_tag(&ring_, index, &vector, &tag, 1) != 1) {
        buffers_refused_ = true; // most often the limit of locked memory
        return false;
    }
    *free = memory;
    return true;
}

void Ring::unregister_buffer(std::span<std::byte> memory) {
    const auto found = std::find_if(buffers_.begin(), buffers_.end(), [&](auto buffer) {
        return !buffer.empty() && buffer.data() == memory.data();
    });
    if (found == buffers_.end())
        return;
    const iovec none{};
    const __u64 tag = 0;
    io_uring_register_buffers_update_tag(&ring_, static_cast<unsigned>(found - buffers_.begin()), &none, &tag,
                                         1);
    *found = {};
}

int Ring::buffer_index(const void* data, std::size_t bytes) const {
    const auto* begin = static_cast<const std::byte*>(data);
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
        const auto buffer = buffers_[i];
        if (begin >= buffer.data() && begin + bytes <= buffer.data() + buffer.size())
            return static_cast<int>(i);
    }
    return -1;
}

void Ring::defer(Deferred& work) {
    if (std::ranges::find(deferred_, &work) == deferred_.end())
        deferred_.push_back(&work);
}

void Ring::undefer(Deferred& work) {
    std::erase(deferred_, &work);
    std::ranges::replace(deferred_now_, &work, nullptr); // it may be due in the turn that is just ending
}

/// Nothing depends on it: a kernel that refuses leaves the ring open to all operations.
void Ring::restrict_operations() {
    std::vector<io_uring_restriction> restrictions;
    const auto add = [&](std::uint16_t kind, std::uint8_t value) {
        io_uring_restriction restriction{};
        restriction.opcode = kind;
        restriction.sqe_op = value; // the same byte as register_op
        restrictions.push_back(restriction);
    };
    for (const std::uint8_t operation : common_operations)
        add(IORING_RESTRICTION_SQE_OP, operation);
    for (const std::uint8_t operation : allowed_)
        add(IORING_RESTRICTION_SQE_OP, operation);
    for (const std::uint8_t registration : registrations)
        add(IORING_RESTRICTION_REGISTER_OP, registration);
    // Flags are all refused unless they are named.
    io_uring_restriction flags{};
    flags.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    flags.sqe_flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS | IOSQE_ASYNC;
    restrictions.push_back(flags);
    restricted_ =
        register_with(ring_, IORING_REGISTER_RESTRICTIONS, restrictions.data(), restrictions.size());
}

void Ring::enable() {
    if (enabled_)
        return;
    restrict_operations();
    if (!register_with(ring_, IORING_REGISTER_ENABLE_RINGS, nullptr, 0))
        fail(errno, "cannot enable the ring");
    io_uring_register_ring_fd(&ring_); // an optimisation; nothing depends on it
    enabled_ = true;
}

io_uring_sqe* Ring::next_sqe() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {
        submit_prepared();
        sqe = io_uring_get_sqe(&ring_);
    }
    assert(sqe != nullptr);
    return sqe;
}

void Ring::submit_prepared() {
    enable();
    while (io_uring_sq_ready(&ring_) > 0) {
        const int result = io_uring_submit(&ring_);
        if (result >= 0 || result == -EINTR)
            continue;
        // EBUSY, EAGAIN: the completion queue has overflowed or memory is short. What completed is handled by
        // the next turn; the kernel takes entries again once it could flush.
        if (result != -EBUSY && result != -EAGAIN)
            fail(-result, "io_uring_enter");
        io_uring_get_events(&ring_);
    }
}

void Ring::wait(BusyPoll& busy_poll) {
    enable();
    // Work that is left over does not wait, but sees what has arrived meanwhile: the kernel posts that only
    // when asked for events, which waiting for none does not do.
    if (!deferred_.empty() || io_uring_sq_ready(&ring_) > 0)
        check_entered(io_uring_submit_and_get_events(&ring_));
    if (deferred_.empty() && !has_completions())
        wait_for_completion(busy_poll);
    handle_completions();
}

/// The kernel has something for the thread that asks for events, or has handed it out.
bool Ring::has_events() const {
    return has_completions() ||
           (IO_URING_READ_ONCE(*ring_.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

void Ring::wait_for_completion(BusyPoll& busy_poll) {
    const auto now = [] { return std::chrono::steady_clock::now(); };
    const auto began = now();
    const auto give_up = began + busy_poll.patience();
    while (!has_events() && now() < give_up) {
    }
    if (!has_completions())
        check_entered(io_uring_submit_and_wait(&ring_, 1));
    busy_poll.waited(now() - began);
}

int Ring::fd() noexcept {
    if (!signals_.exchange(true)) {
        io_uring_cq_eventfd_toggle(&ring_, true);
        signal(); // for what came before
    }
    return event_.get();
}

void Ring::signal() noexcept {
    if (signals_.load(std::memory_order_relaxed))
        eventfd_write(event_.get(), 1);
}

bool Ring::poll() {
    enable();
    eventfd_t events = 0;
    if (signals_)
        eventfd_read(event_.get(), &events); // first: what comes from here on makes it readable again
    check_entered(io_uring_submit_and_get_events(&ring_));
    return handle_completions();
}

bool Ring::handle_completions() {
    // First copied, then handled: handlers may submit, and entries go back to the kernel early.
    struct Completion {
        std::uint64_t user_data;
        int result;
        std::uint32_t flags;
    };
    io_uring_cqe* entries[batch];
    Completion completions[batch];
    const unsigned count = io_uring_peek_batch_cqe(&ring_, entries, batch);
    for (unsigned i = 0; i < count; ++i)
        completions[i] = {entries[i]->user_data, entries[i]->res, entries[i]->flags};
    io_uring_cq_advance(&ring_, count);

    for (unsigned i = 0; i < count; ++i) {
        const auto [user_data, result, flags] = completions[i];
        if (user_data == nobody)
            continue;
        const std::uint64_t argument = user_data & ((1ULL << argument_bits) - 1);
        HandlerEntry& entry = handlers_[user_data >> argument_bits];
        if ((flags & IORING_CQE_F_MORE) == 0)
            --entry.outstanding;
        if (entry.handler != nullptr)
            entry.handler->on_completion(argument, result, flags);
    }
    return count > 0;
}

void Ring::run_deferred() {
    // What is deferred meanwhile comes in the next turn, which then does not sleep.
    deferred_now_.swap(deferred_);
    for (Deferred* work : deferred_now_) {
        if (work != nullptr)
            work->on_turn_end();
    }
    deferred_now_.clear();
}

std::string Ring::features() const {
    return fmt::format("{}, {}, {}{}", defer_taskrun_ ? "defer-taskrun" : "coop-taskrun",
                       free_files_.empty() ? "plain files" : "registered files",
                       buffers_.empty() || buffers_refused_ ? "plain buffers" : "registered buffers",
                       restricted_ ? ", restricted operations" : "");
}

} // namespace aoetarget::ring
