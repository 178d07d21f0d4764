// What is seen of an XDP lane from outside the target.
#pragma once

#include "catch.hpp"
#include "scene.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#define NEEDS_XDP()                                                                                          \
    do {                                                                                                     \
        if (!can_have_xdp())                                                                                 \
            SKIP_BECAUSE("XDP needs root, and may be left out of a build");                                  \
    } while (false)

namespace aoetest {

inline ToolResult ip(std::vector<std::string> words) {
    words.insert(words.begin(), find_program("ip"));
    return run_tool(words);
}

inline bool has_program(const std::string& interface) {
    return ip({"link", "show", interface}).output.find("prog/xdp") != std::string::npos;
}

/// What the network stack of the target's machine gets to see of an interface.
class Listener {
  public:
    explicit Listener(const std::string& interface)
        : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(0x0003))) {
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(0x0003); // all
        address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
        const int one = 1;
        ::setsockopt(fd_, SOL_PACKET, 23 /* PACKET_IGNORE_OUTGOING */, &one, sizeof one);
        if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            abort_test("cannot listen on " + interface);
    }
    ~Listener() { ::close(fd_); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// Returns the number of frames of this Ethernet type that have been seen since the last call.
    unsigned count(std::uint16_t type) {
        unsigned seen = 0;
        std::uint8_t frame[2048];
        for (ssize_t got = 0; (got = ::recv(fd_, frame, sizeof frame, 0)) >= 0;) {
            if (got >= 14 && (frame[12] << 8 | frame[13]) == type)
                ++seen;
        }
        return seen;
    }

  private:
    int fd_;
};

} // namespace aoetest
