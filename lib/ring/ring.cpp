// Sets the ring up with the features that the kernel has, submits, waits, and dispatches completions.
#include "ring/ring.hpp"

#include "ring/attempt.hpp"
#include "ring/refusal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace aoetarget::ring {
namespace {

std::chrono::nanoseconds now() {
    return std::chrono::steady_clock::now().time_since_epoch();
}

constexpr unsigned submission_entries = 1024;
// With these a ring takes less than 32 KiB, which newer kernels count as locked memory.
constexpr unsigned least_entries = 128;
constexpr unsigned max_files = 4096;
constexpr std::size_t max_handlers = 0xFFFF;
// The operations of every target: frames, device I/O, and waiting.
constexpr std::uint8_t common_operations[] = {
    IORING_OP_NOP,     IORING_OP_RECV,         IORING_OP_SEND,     IORING_OP_READ,
    IORING_OP_READV,   IORING_OP_READ_FIXED,   IORING_OP_WRITEV,   IORING_OP_WRITE_FIXED,
    IORING_OP_FSYNC,   IORING_OP_FALLOCATE,    IORING_OP_POLL_ADD, IORING_OP_POLL_REMOVE,
    IORING_OP_TIMEOUT, IORING_OP_ASYNC_CANCEL, IORING_OP_RECVMSG,
};
// The changes that it makes to the ring after the first turn.
constexpr std::uint8_t registrations[] = {
    IORING_REGISTER_FILES_UPDATE, IORING_UNREGISTER_FILES,          IORING_REGISTER_BUFFERS_UPDATE,
    IORING_REGISTER_PBUF_RING,    IORING_UNREGISTER_PBUF_RING,      IORING_REGISTER_RING_FDS,
    IORING_UNREGISTER_RING_FDS,   IORING_REGISTER_IOWQ_MAX_WORKERS,
};

[[noreturn]] void fail(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

/// liburing 2.3 declares, but does not export, io_uring_register_restrictions() and io_uring_enable_rings().
bool register_with(const io_uring& ring, unsigned operation, const void* argument, std::size_t count) {
    return syscall(__NR_io_uring_register, ring.ring_fd, operation, argument, count) >= 0;
}

/// The next turn tries again if io_uring_enter was interrupted, or found no memory or room.
void check_entered(int result) {
    if (result < 0 && result != -EINTR && result != -EBUSY && result != -EAGAIN)
        fail(-result, "io_uring_enter");
}

/// If the kernel may start no thread for operations that block, they end with ECANCELED or never, and no
/// write to a file would ever be answered.
void check_workers() {
    const int error = -attempt(io_uring_prep_nop, std::chrono::seconds(2));
    if (error == ECANCELED || error == EAGAIN || error == ETIME)
        fail(EAGAIN, "the kernel cannot start a worker thread, which operations that block need; raise the "
                     "limit of processes ('ulimit -u'; in a container or service also pids.max, TasksMax)");
    if (error != 0)
        refuse_set_up(error);
}

} // namespace

Ring::Ring(unsigned completions) {
    check_workers();
    completions = std::max(completions, submission_entries);
    // The ring is disabled until the first turn, so that a target may be set up on one thread and run on
    // another: with SINGLE_ISSUER the thread that enables the ring owns it.
    constexpr unsigned common = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP |
                                IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG;
    constexpr unsigned candidates[] = {
        common | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
        common | IORING_SETUP_COOP_TASKRUN,
    };
    int error = ENOMEM;
    // Smaller queues overflow earlier, which costs time and loses nothing: the kernel keeps completions that
    // do not fit, and entries for submission are submitted when there is no room for more.
    for (; error == ENOMEM && completions >= least_entries; completions /= 2) {
        for (const unsigned flags : candidates) {
            io_uring_params params{};
            params.flags = flags;
            params.cq_entries = completions;
            error = -io_uring_queue_init_params(std::min(submission_entries, completions), &ring_, &params);
            defer_taskrun_ = (flags & IORING_SETUP_DEFER_TASKRUN) != 0;
            if (error != EINVAL)
                break;
        }
    }
    if (error != 0)
        refuse_set_up(error);

    // It is readable from the beginning, because the first turn submits the operations that are prepared.
    event_ = FileDescriptor(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
    const bool has_event = event_.valid();
    error = has_event ? -io_uring_register_eventfd(&ring_, event_.get()) : errno;
    if (error != 0) {
        io_uring_queue_exit(&ring_);
        if (has_event)
            refuse_set_up(error);
        fail(error, "cannot create an eventfd");
    }
    io_uring_cq_eventfd_toggle(&ring_, false);

    taken_.reserve(batch);
    handling_.reserve(batch);
    limit_workers(0);
    rlimit open_files{};
    getrlimit(RLIMIT_NOFILE, &open_files); // the kernel refuses a larger table
    const auto files = static_cast<unsigned>(std::min<rlim_t>(open_files.rlim_cur, max_files));
    if (io_uring_register_files_sparse(&ring_, files) == 0) {
        for (unsigned i = files; i-- > 0;)
            free_files_.push_back(static_cast<int>(i));
    }
    buffers_.set_up();
}

Ring::~Ring() {
    io_uring_queue_exit(&ring_);
}

/// Allows as many workers as the kernel's default, and `more`.
void Ring::limit_workers(std::size_t more) {
    constexpr unsigned unchanged = 0;
    const unsigned usual = 4 * processors_ + abandoned_attempts();
    unsigned bounded_and_unbounded[2] = {usual + static_cast<unsigned>(more), unchanged};
    io_uring_register_iowq_max_workers(&ring_, bounded_and_unbounded); // the kernel bounds it
}

void Ring::set_more_workers(std::size_t more) {
    if (std::exchange(more_workers_, more) == more)
        return;
    limit_workers(more);
    // The kernel starts a worker when it is given work, and the next when that blocks.
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
    sqe->user_data = nobody; // the completion of the cancelled operation is enough
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
    if (io_uring_register_files_update(&ring_, static_cast<unsigned>(file.index_or_fd), &none, 1) == 1)
        free_files_.push_back(file.index_or_fd);
}

void Ring::release_files() {
    free_files_.clear();
    io_uring_unregister_files(&ring_);
}

void Ring::leave_thread() {
    io_uring_unregister_ring_fd(&ring_);
}

void Ring::defer(Deferred& work) {
    if (std::ranges::find(deferred_, &work) == deferred_.end())
        deferred_.push_back(&work);
}

void Ring::undefer(Deferred& work) {
    std::erase(deferred_, &work);
    std::ranges::replace(deferred_now_, &work, nullptr); // it may be due in this turn
}

/// Nothing depends on this: if the kernel refuses, the ring stays open to all operations.
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
    // The kernel refuses all flags that are not named.
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
        // EBUSY and EAGAIN mean that the completion queue has overflowed or memory is short. Linux 6.1 and
        // later take entries though the queue is full. In any case, completions that are taken out make room.
        if (result != -EBUSY && result != -EAGAIN)
            fail(-result, "io_uring_enter");
        take_completions();
        io_uring_get_events(&ring_);
    }
}

void Ring::wait(BusyPoll& busy_poll) {
    enable();
    // A turn with work left over does not wait, but sees completions that have arrived meanwhile: the kernel
    // posts them only when it is asked for events, and waiting for none does not ask.
    if (!deferred_.empty() || io_uring_sq_ready(&ring_) > 0)
        check_entered(io_uring_submit_and_get_events(&ring_));
    if (deferred_.empty() && !has_completions())
        wait_for_completion(busy_poll);
    else
        woke_at_ = now();
    handle_completions();
}

/// Returns whether the kernel has completions, posted or for the thread that asks for events.
bool Ring::has_events() const {
    return has_completions() ||
           (IO_URING_READ_ONCE(*ring_.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

void Ring::wait_for_completion(BusyPoll& busy_poll) {
    const auto began = now();
    const auto give_up = began + busy_poll.patience();
    while (!has_events() && now() < give_up) {
    }
    if (!has_completions())
        check_entered(io_uring_submit_and_wait(&ring_, 1));
    woke_at_ = now();
    busy_poll.waited(woke_at_ - began);
}

int Ring::fd() noexcept {
    if (!signals_.exchange(true)) {
        io_uring_cq_eventfd_toggle(&ring_, true);
        signal(); // for completions that came before
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
        eventfd_read(event_.get(), &events); // first, so that later completions make it readable again
    check_entered(io_uring_submit_and_get_events(&ring_));
    woke_at_ = now();
    return handle_completions();
}

void Ring::take_completions() {
    io_uring_cqe* entries[batch];
    const unsigned count = io_uring_peek_batch_cqe(&ring_, entries, batch);
    for (unsigned i = 0; i < count; ++i)
        taken_.push_back({entries[i]->user_data, entries[i]->res, entries[i]->flags});
    io_uring_cq_advance(&ring_, count);
}

bool Ring::handle_completions() {
    // Completions are first copied, then handled: handlers may submit, and the kernel gets the entries early.
    if (taken_.empty())
        take_completions();
    handling_.clear();
    handling_.swap(taken_);
    for (const auto& [user_data, result, flags] : handling_) {
        if (user_data == nobody)
            continue;
        const std::uint64_t argument = user_data & ((1ULL << argument_bits) - 1);
        HandlerEntry& entry = handlers_[user_data >> argument_bits];
        if ((flags & IORING_CQE_F_MORE) == 0)
            --entry.outstanding;
        if (entry.handler != nullptr)
            entry.handler->on_completion(argument, result, flags);
    }
    return !handling_.empty();
}

void Ring::run_deferred() {
    // Work that is deferred meanwhile is done in the next turn, which then does not sleep.
    deferred_now_.swap(deferred_);
    for (Deferred* work : deferred_now_) {
        if (work != nullptr)
            work->on_turn_end();
    }
    deferred_now_.clear();
}

std::string Ring::features() const {
    return fmt::format("{}, {} completions, {}, {}{}", defer_taskrun_ ? "defer-taskrun" : "coop-taskrun",
                       *ring_.cq.kring_entries, free_files_.empty() ? "plain files" : "registered files",
                       buffers_.description(), restricted_ ? ", restricted operations" : "");
}

} // namespace aoetarget::ring
