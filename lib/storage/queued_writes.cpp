// Decides when a write has waited too long in a queue of the kernel, and goes to a worker thread at once.
#include "storage/queued_writes.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace aoetarget::storage {
namespace {

// A write is cancelled after one to two of these intervals. So an export that shares a queue with one that
// hangs answers well before initiators repeat.
__kernel_timespec between_looks{.tv_sec = 0, .tv_nsec = 20'000'000};
constexpr unsigned looks_to_skip_for = 500; // 10 seconds, counted while there are writes
constexpr std::uint64_t in_no_queue = ~0ULL;

/// The kernel has one set of queues for each thread.
thread_local unsigned files_that_hang = 0;

} // namespace

bool QueuedWrites::begin(std::uint64_t argument, std::uint64_t& place) {
    look_soon();
    if (looks_to_skip_for_ > 0) {
        place = in_no_queue;
        return true;
    }
    place = writes_.size();
    writes_.push_back({.argument = argument, .place = &place, .number = next_number_++});
    return false;
}

bool QueuedWrites::end(std::uint64_t place, int result) {
    if (place == in_no_queue)
        return false;
    const Write ended = writes_[place];
    writes_[place] = writes_.back();
    *writes_[place].place = place;
    writes_.pop_back();
    if (!writes_.empty())
        look_soon();

    if (ended.cancelled && std::exchange(hangs_, false))
        --files_that_hang;
    if (!ended.cancelled || (result != -ECANCELED && result != -EINTR))
        return false;
    // If no other file hangs, it has only waited for a thread. EINTR means that it had begun, and the queue
    // might interrupt it again and again.
    if (files_that_hang > 0 || result == -EINTR) {
        looks_to_skip_for_ = looks_to_skip_for;
        for (Write& write : writes_)
            cancel(write);
    }
    return true;
}

void QueuedWrites::on_completion(std::uint64_t, int, std::uint32_t) {
    looks_soon_ = false;
    if (looks_to_skip_for_ > 0)
        --looks_to_skip_for_;
    const std::uint64_t overdue_before = std::exchange(next_number_at_last_look_, next_number_);
    const auto oldest = std::ranges::min_element(writes_, {}, &Write::number);
    // The kernel begins them in order, so while one is carried out the others only wait for it.
    if (oldest == writes_.end())
        return;
    if (oldest->cancelled) { // the cancellation had no effect, so the write had begun
        if (!std::exchange(hangs_, true))
            ++files_that_hang;
        return;
    }
    if (oldest->number < overdue_before)
        cancel(*oldest);
    look_soon();
}

void QueuedWrites::look_soon() {
    if (std::exchange(looks_soon_, true))
        return;
    submit(0, [](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &between_looks, 0, 0); });
}

void QueuedWrites::cancel(Write& write) {
    if (!std::exchange(write.cancelled, true))
        ring_.cancel(submitter_, write.argument);
}

} // namespace aoetarget::storage
