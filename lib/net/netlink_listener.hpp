// Reads the messages that the kernel sends to groups of netlink.
#pragma once

#include "protocol/bytes.hpp"
#include "ring/file_descriptor.hpp"
#include "ring/ring.hpp"

#include <functional>
#include <vector>

namespace aoetarget::net {

class NetlinkListener final : private ring::RegisteredHandler {
  public:
    /// Calls `heard` with each datagram, or with an empty one if some were lost. `groups` is a mask. Throws
    /// std::system_error.
    NetlinkListener(ring::Ring& ring, int protocol, std::uint32_t groups,
                    std::function<void(ConstBytes)> heard);
    /// May be destroyed only when quiet().
    ~NetlinkListener();

    void stop();
    using RegisteredHandler::quiet;

  private:
    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void poll();
    void read_all();

    std::function<void(ConstBytes)> heard_;
    std::vector<std::byte> message_;
    ring::FileDescriptor socket_;
    ring::RingFile file_;
    bool stopping_ = false;
};

} // namespace aoetarget::net
