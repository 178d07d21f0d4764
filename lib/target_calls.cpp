// The functions of the host that a target calls: for descriptors, for other threads, and after a time.
#include "target_impl.hpp"

#include "checks.hpp"

#include <algorithm>
#include <utility>

namespace aoetarget {
namespace {

using namespace std::chrono_literals;

// Longer than any machine runs, and far from the end of the clock's numbers.
constexpr std::chrono::milliseconds longest_delay = 24h * 365 * 100;

/// The loop must not throw, and to call an empty function would.
template <typename Function>
void require(const Function& function, const std::string& what) {
    if (!function)
        refuse(EINVAL, what + ": there is no function to call; pass one");
}

} // namespace

void Target::Impl::watch(int fd, short events, std::function<void(short)> ready) {
    require(ready, fmt::format("watch of descriptor {}", fd));
    watches_.add(fd, events, std::move(ready));
    if (!in_turn_)
        wakeup_.wake(); // a host that sleeps on fd() has to give it a turn
}

void Target::Impl::unwatch(int fd) {
    watches_.remove(fd);
    if (!in_turn_)
        wakeup_.wake(); // the kernel's poll has to be ended
}

void Target::Impl::post(std::function<void()> call) {
    require(call, "post");
    posted_.post(std::move(call));
}

CallId Target::Impl::call_after(std::chrono::milliseconds delay, std::function<void()> call) {
    require(call, fmt::format("call after {} ms", delay.count()));
    const core::Time now = std::chrono::steady_clock::now().time_since_epoch();
    const CallId id = delayed_.add(now + std::clamp(delay, 0ms, longest_delay), std::move(call));
    if (!in_turn_)
        wakeup_.wake(); // the timer has to be set
    return id;
}

bool Target::Impl::cancel_call(CallId id) {
    return delayed_.cancel(id);
}

/// What has not been called by now, never is.
void Target::Impl::end_calls() {
    watches_.stop();
    delayed_.close();
    posted_.close(); // last, because what the others destroy may post
}

} // namespace aoetarget
