// Writes the eventfd, and keeps a read waiting on it.
#include "ring/wakeup.hpp"

#include <cerrno>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

namespace aoetarget::ring {

// The eventfd is blocking, so that io_uring waits for it; a non-blocking one would answer EAGAIN.
Wakeup::Wakeup(Ring& ring) : RegisteredHandler(ring), fd_(eventfd(0, EFD_CLOEXEC)) {
    if (fd_ < 0)
        throw std::system_error(errno, std::generic_category(), "cannot create an eventfd");
    read();
}

Wakeup::~Wakeup() {
    close(fd_);
}

void Wakeup::wake() const noexcept {
    const int saved = errno;
    const std::uint64_t one = 1;
    // It can fail only when 2^64 - 2 wake-ups are pending, and then the loop is awake.
    [[maybe_unused]] const auto written = write(fd_, &one, sizeof one);
    // The write above does not reliably make the ring's fd() readable: kernels up to 6.18 at least lose a
    // signal to one eventfd that arises from writing to another.
    ring_.signal();
    errno = saved;
}

void Wakeup::read() {
    submit(0, [&](io_uring_sqe* sqe) { io_uring_prep_read(sqe, fd_, &count_, sizeof count_, 0); });
}

void Wakeup::on_completion(std::uint64_t, int result, std::uint32_t) {
    if (result != -ECANCELED && !stopping_)
        read();
}

} // namespace aoetarget::ring
