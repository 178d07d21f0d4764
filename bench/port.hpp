// The load's connection to the network, which sends and receives frames in batches.
#pragma once

#include "wire.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <sys/uio.h>

namespace bench {

class Port {
  public:
    virtual ~Port() = default;
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    const wire::Mac& mac() const { return mac_; }
    unsigned mtu() const { return mtu_; }

    // Takes what has arrived, without waiting, and returns how many frames that is.
    virtual std::size_t receive() = 0;
    virtual std::span<const std::byte> frame(std::size_t index) const = 0;
    virtual std::size_t wire_bytes(std::size_t index) const = 0;

    // Sends from the front of `frames` and returns how many went out.
    virtual std::size_t send(std::span<const iovec> frames) = 0;

    // Sleeps until a frame arrives or the time is over.
    virtual void wait(int milliseconds) const = 0;

    // Answers that were lost on this side since the last call.
    virtual std::uint64_t dropped() = 0;

  protected:
    Port() = default;

    wire::Mac mac_{};
    unsigned mtu_ = 0;
};

// A packet socket on an interface. Of each received frame at most `keep_bytes` are copied.
std::unique_ptr<Port> open_packet_port(const std::string& interface, std::size_t keep_bytes, unsigned batch);

// The other end of a tap device: what is written to `descriptor` arrives on `interface`, and what leaves
// there can be read. The descriptor stays the caller's.
std::unique_ptr<Port> open_tap_port(const std::string& interface, int descriptor, unsigned batch);

} // namespace bench
