// The functions that a target calls for others: for descriptors, for other threads, after a time, and at the
// end of a turn. The host of the library has such an object, and the devices have one, which lasts longer.
#pragma once

#include "delayed_calls.hpp"
#include "posted_calls.hpp"
#include "ring/watches.hpp"

#include <aoetarget/device_host.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

namespace aoetarget {

class Calls final : private ring::Deferred {
  public:
    /// `waker` and `need_turn` give the target a turn: `need_turn` only has to if none is under way.
    Calls(ring::Ring& ring, IoQueue::Waker& waker, std::function<void()> need_turn);
    ~Calls();

    // All of them throw std::system_error (EINVAL) if there is no function.
    void watch(int fd, short events, std::function<void(short)> ready);
    void unwatch(int fd);
    void post(std::function<void()> call);
    CallId call_after(std::chrono::milliseconds delay, std::function<void()> call);
    bool cancel_call(CallId id);
    CallId call_at_turn_end(std::function<void()> call);

    /// Calls what was posted, and what is due.
    void run(core::Time now);
    [[nodiscard]] std::optional<core::Time> next_deadline() const { return delayed_.next_deadline(); }

    /// From now on nothing is called.
    void end();
    /// Ends what the kernel still has to do with watches, after end(). A further call asks it again.
    void stop_watches() { watches_.stop(); }
    [[nodiscard]] bool quiet() const { return watches_.quiet(); }
    /// Destroys all functions, after end(). Their destructors may call this object.
    void clear();

  private:
    struct TurnEndCall {
        CallId id;
        std::function<void()> function; ///< Empty once it was called or taken back.
    };

    void on_turn_end() override;

    ring::Ring& ring_;
    std::function<void()> need_turn_;
    ring::Watches watches_;
    PostedCalls posted_;
    DelayedCalls delayed_;
    std::vector<TurnEndCall> at_turn_end_;
    std::vector<TurnEndCall> called_; ///< Keeps its memory from turn to turn.
    CallId last_at_turn_end_ = 0;
    bool ended_ = false;
};

} // namespace aoetarget
