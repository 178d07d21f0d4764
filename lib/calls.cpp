// Keeps functions until it is time to call them.
#include "calls.hpp"

#include "checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace aoetarget {
namespace {

using namespace std::chrono_literals;

// Longer than any machine runs, and far from the end of the clock's numbers.
constexpr std::chrono::milliseconds longest_delay = 24h * 365 * 100;

// Numbers of calls at the end of a turn have this bit, those of calls after a time do not.
constexpr CallId turn_end_bit = CallId{1} << 63;

/// The loop must not throw, and to call an empty function would.
template <typename Function>
void require(const Function& function, const std::string& what) {
    if (!function)
        refuse(EINVAL, what + ": there is no function to call; pass one");
}

} // namespace

Calls::Calls(ring::Ring& ring, IoQueue::Waker& waker, std::function<void()> need_turn)
    : ring_(ring), need_turn_(std::move(need_turn)), watches_(ring), posted_(waker) {}

Calls::~Calls() {
    ring_.undefer(*this);
}

void Calls::watch(int fd, short events, std::function<void(short)> ready) {
    require(ready, fmt::format("watch of descriptor {}", fd));
    watches_.add(fd, events, std::move(ready));
    need_turn_(); // a host that sleeps on fd() has to give it a turn
}

void Calls::unwatch(int fd) {
    watches_.remove(fd);
    need_turn_(); // the kernel's poll has to be ended
}

void Calls::post(std::function<void()> call) {
    require(call, "post");
    posted_.post(std::move(call));
}

CallId Calls::call_after(std::chrono::milliseconds delay, std::function<void()> call) {
    require(call, fmt::format("call after {} ms", delay.count()));
    const core::Time now = std::chrono::steady_clock::now().time_since_epoch();
    const CallId id = delayed_.add(now + std::clamp(delay, 0ms, longest_delay), std::move(call));
    need_turn_(); // the timer has to be set
    return id;
}

bool Calls::cancel_call(CallId id) {
    if ((id & turn_end_bit) == 0)
        return delayed_.cancel(id);
    for (auto* calls : {&at_turn_end_, &called_}) {
        const auto call = std::ranges::find(*calls, id, &TurnEndCall::id);
        if (call != calls->end())
            return std::exchange(call->function, nullptr) != nullptr;
    }
    return false;
}

CallId Calls::call_at_turn_end(std::function<void()> call) {
    require(call, "call at the end of the turn");
    if (ended_)
        return 0;
    const CallId id = turn_end_bit | ++last_at_turn_end_;
    at_turn_end_.push_back({id, std::move(call)});
    ring_.defer(*this);
    need_turn_();
    return id;
}

void Calls::run(core::Time now) {
    posted_.run();
    delayed_.run(now);
}

void Calls::on_turn_end() {
    called_.swap(at_turn_end_);
    for (TurnEndCall& call : called_) {
        if (const auto function = std::exchange(call.function, nullptr))
            function();
    }
    called_.clear();
}

void Calls::end() {
    ended_ = true;
    watches_.stop();
    delayed_.close();
    posted_.close(); // last, because what the others destroy may post
}

void Calls::clear() {
    watches_.clear();
    const auto calls = std::exchange(at_turn_end_, {}); // their destructors may call this object
}

} // namespace aoetarget
