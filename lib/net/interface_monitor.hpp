// Tells when something happened to a network interface (rtnetlink, RTMGRP_LINK).
#pragma once

#include "ring/file_descriptor.hpp"
#include "ring/ring.hpp"

#include <array>
#include <functional>

namespace aoetarget::net {

class InterfaceMonitor final : private ring::CompletionHandler {
  public:
    /// `changed` is called when any interface has come, gone or changed; look at those that matter. Throws
    /// std::system_error.
    InterfaceMonitor(ring::Ring& ring, std::function<void()> changed);
    /// Only when quiet.
    ~InterfaceMonitor();

    void stop();
    /// Stopped, and nothing is under way any more.
    [[nodiscard]] bool quiet() const { return ring_.outstanding(handler_) == 0; }

  private:
    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void receive();

    ring::Ring& ring_;
    std::function<void()> changed_;
    ring::FileDescriptor socket_;
    ring::HandlerId handler_;
    ring::RingFile file_;
    /// Its contents do not matter: what is true now is asked for, not what was true when a message was
    /// queued.
    std::array<std::byte, 256> message_{};
    bool stopping_ = false;
};

} // namespace aoetarget::net
