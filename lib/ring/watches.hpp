// Calls functions of the host when its descriptors are ready.
#pragma once

#include "ring/ring.hpp"

#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace aoetarget::ring {

/// Each event takes a poll of its own: a multishot poll tells an event only when it arises, once it has told
/// the first, so whoever leaves something unread would not hear of it again.
class Watches final : private RegisteredHandler, private Deferred {
  public:
    /// `revents` are the bits of poll(2). The function may add and remove watches, also its own.
    using Ready = std::function<void(short revents)>;

    explicit Watches(Ring& ring) : RegisteredHandler(ring) {}
    /// May be destroyed only when quiet(), or when the ring has failed.
    ~Watches() { ring_.undefer(*this); }

    /// Watches `fd` from the end of this turn on, in place of an earlier watch of this number. After stop()
    /// it does nothing.
    void add(int fd, short events, Ready ready);
    /// Calls for this number no more. The kernel lets go of the file at the end of the turn.
    void remove(int fd);

    /// Calls and adds nothing any more. A further call asks the kernel again to end what is under way.
    void stop();
    using RegisteredHandler::quiet;
    /// Destroys all functions, after stop(). Their destructors may call this object.
    void clear();

  private:
    struct Watch {
        int fd;
        short events;
        Ready ready;
        bool is_watched = true;
        bool is_polled = false; ///< The kernel has its address.
    };

    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void on_turn_end() override;
    void poll_later(Watch& watch);
    void cancel_poll(Watch& watch);
    void end(std::unique_ptr<Watch> watch);
    void forget(Watch& watch);

    std::map<int, std::unique_ptr<Watch>> watches_;
    std::vector<std::unique_ptr<Watch>> ending_; ///< Removed, and polled or being called.
    std::vector<Watch*> to_poll_;                ///< At the end of the turn.
    Watch* called_ = nullptr;
    bool stopping_ = false;
};

} // namespace aoetarget::ring
