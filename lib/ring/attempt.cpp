// Makes a ring for one operation, and abandons it if the operation does not end in time.
#include "ring/attempt.hpp"

#include <atomic>
#include <cerrno>

namespace aoetarget::ring {
namespace {

std::atomic<unsigned> abandoned = 0;

/// The size of a thread's first ring sets how many workers the thread may have; this size permits the most.
constexpr unsigned entries = 256;

template <typename Call>
int uninterrupted(Call call) {
    int result = 0;
    do
        result = call();
    while (result == -EINTR);
    return result;
}

} // namespace

int attempt(const std::function<void(io_uring_sqe*)>& prepare, std::chrono::seconds patience) {
    io_uring ring{};
    if (const int result = io_uring_queue_init(entries, &ring, 0); result < 0)
        return result;
    io_uring_sqe* sqe = io_uring_get_sqe(&ring);
    prepare(sqe);
    sqe->flags |= IOSQE_ASYNC;
    int result = uninterrupted([&] { return io_uring_submit(&ring); });
    if (result >= 0) {
        __kernel_timespec time{.tv_sec = patience.count(), .tv_nsec = 0};
        io_uring_cqe* cqe = nullptr;
        result = uninterrupted([&] { return io_uring_wait_cqe_timeout(&ring, &cqe, &time); });
        if (result >= 0)
            result = cqe->res;
        else if (result == -ETIME)
            ++abandoned;
    }
    io_uring_queue_exit(&ring);
    return result;
}

unsigned abandoned_attempts() {
    return abandoned;
}

} // namespace aoetarget::ring
