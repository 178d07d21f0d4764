// The initiator's side, for tools: questions to targets, and what their answers say. A plain packet socket
// and poll(2) are enough, because no target runs this code.
//
// This file has the socket.
#pragma once

#include "net/interface.hpp"
#include "protocol/bytes.hpp"
#include "ring/file_descriptor.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace aoetarget::initiator {

using Clock = std::chrono::steady_clock;

/// Throws std::system_error that names the interface.
[[noreturn]] void fail(int error, const std::string& interface, std::string_view why);

/// Tags have bit 31 set, as those of other user space tools, so that the Linux driver on this host takes none
/// of the answers for its own (lib/protocol/README.md, "aoetools"). The high half is the same for the whole
/// run, the low half numbers the question.
std::uint32_t random_tag_base();

class Socket {
  public:
    /// Opens a socket that receives only frames with these tags: a busy initiator's own traffic stays in the
    /// kernel. Throws std::system_error with the interface, the cause and the cure.
    Socket(const std::string& interface, std::uint32_t tag_base);

    /// The state of the interface when the socket was opened.
    [[nodiscard]] const net::InterfaceState& interface() const { return state_; }
    [[nodiscard]] const MacAddress& mac() const { return state_.mac; }

    /// A full queue loses the frame, as a network does. Throws std::system_error if the interface is down.
    void send(ConstBytes frame) const;
    /// Returns the next frame that was meant for us, in `buffer`, or an empty span if there is none yet.
    /// Throws as send() does.
    [[nodiscard]] ConstBytes receive(Bytes buffer) const;
    /// Returns whether there is something to receive before `deadline`.
    [[nodiscard]] bool wait_until(Clock::time_point deadline) const;

  private:
    void filter(std::uint32_t tag_base) const;

    std::string name_;
    ring::FileDescriptor fd_;
    net::InterfaceState state_;
};

} // namespace aoetarget::initiator
