// Polls each descriptor once for each event, and keeps a watch as long as the kernel may tell of it.
#include "ring/watches.hpp"

#include <algorithm>
#include <utility>

#include <poll.h>

namespace aoetarget::ring {

/// A number that was closed and is used again may have a poll of the other file under way, so what changes
/// gets a poll of its own.
void Watches::add(int fd, short events, Ready ready) {
    if (stopping_)
        return;
    remove(fd);
    auto& watch = watches_[fd];
    watch = std::make_unique<Watch>(Watch{fd, events, std::move(ready)});
    poll_later(*watch);
}

void Watches::remove(int fd) {
    const auto found = watches_.find(fd);
    if (found == watches_.end())
        return;
    std::unique_ptr<Watch> watch = std::move(found->second);
    watches_.erase(found);
    end(std::move(watch));
}

void Watches::end(std::unique_ptr<Watch> watch) {
    watch->is_watched = false;
    std::erase(to_poll_, watch.get());
    if (watch->is_polled)
        cancel_poll(*watch);
    if (watch->is_polled || called_ == watch.get())
        ending_.push_back(std::move(watch));
}

/// What is polled only now was not removed since, so that nothing reaches a number that its owner has closed.
void Watches::poll_later(Watch& watch) {
    to_poll_.push_back(&watch);
    ring_.defer(*this);
}

void Watches::on_turn_end() {
    for (Watch* watch : std::exchange(to_poll_, {})) {
        watch->is_polled = true;
        submit(reinterpret_cast<std::uintptr_t>(watch), [&](io_uring_sqe* sqe) {
            io_uring_prep_poll_add(sqe, watch->fd, static_cast<unsigned short>(watch->events));
        });
    }
}

void Watches::on_completion(std::uint64_t argument, int result, std::uint32_t) {
    auto& watch = *reinterpret_cast<Watch*>(argument);
    watch.is_polled = false;
    if (watch.is_watched && !stopping_) {
        called_ = &watch;
        watch.ready(result < 0 ? POLLNVAL : static_cast<short>(result));
        called_ = nullptr;
    }
    if (!watch.is_watched)
        forget(watch);
    else if (result >= 0 && !stopping_)
        poll_later(watch);
}

void Watches::cancel_poll(Watch& watch) {
    cancel(reinterpret_cast<std::uintptr_t>(&watch));
}

void Watches::forget(Watch& watch) {
    const auto found = std::ranges::find(ending_, &watch, &std::unique_ptr<Watch>::get);
    const std::unique_ptr<Watch> last = std::move(*found); // its destructor may call this object
    ending_.erase(found);
}

void Watches::stop() {
    stopping_ = true;
    to_poll_.clear();
    for (const auto& [fd, watch] : watches_) {
        if (watch->is_polled)
            cancel_poll(*watch);
    }
    for (const auto& watch : ending_) {
        if (watch->is_polled)
            cancel_poll(*watch);
    }
}

void Watches::clear() {
    const auto watches = std::exchange(watches_, {});
    const auto ending = std::exchange(ending_, {});
}

} // namespace aoetarget::ring
