// Questions to the kernel about network interfaces (rtnetlink), and the attributes of what it says.
//
// The kernel answers while the question is sent, so nothing here waits for an answer. At most a question
// waits for whoever changes an interface at that moment.
#pragma once

#include "protocol/bytes.hpp"

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <linux/netlink.h>

namespace aoetarget::net {

/// One attribute of a message. Those that hold attributes again can be walked like a message.
struct NetlinkAttribute {
    std::uint16_t type = 0; ///< Without the kernel's flags.
    ConstBytes value{};

    /// Zero where the attribute is too short for it.
    template <typename T>
    [[nodiscard]] T as() const {
        T number{};
        if (value.size() >= sizeof number)
            std::memcpy(&number, value.data(), sizeof number);
        return number;
    }
    /// Up to the first zero.
    [[nodiscard]] std::string text() const;
};

/// Calls `visit` for each attribute. What is damaged ends the walk.
void for_each_attribute(ConstBytes attributes, const std::function<void(const NetlinkAttribute&)>& visit);

/// A message from the kernel: its type, and what follows the header.
struct NetlinkMessage {
    std::uint16_t type = 0;
    ConstBytes body{};
};

/// Calls `visit` for each message. What is damaged ends the walk.
void for_each_message(ConstBytes datagram, const std::function<void(const NetlinkMessage&)>& visit);

/// What is asked, put together from left to right.
class NetlinkRequest {
  public:
    /// `flags`: beyond NLM_F_REQUEST, as NLM_F_DUMP for all that there is of a kind.
    NetlinkRequest(std::uint16_t type, std::uint16_t flags, int protocol = NETLINK_ROUTE);

    template <typename T>
    NetlinkRequest& header(const T& fixed) {
        append({reinterpret_cast<const std::byte*>(&fixed), sizeof fixed});
        return *this;
    }
    NetlinkRequest& attribute(std::uint16_t type, std::uint32_t value);
    NetlinkRequest& attribute(std::uint16_t type, std::string_view text);

    /// Sends it, and calls `visit` for each message of the answer. Returns 0 or the error that the kernel
    /// answers with. Throws std::system_error if there is no descriptor left to ask with, or no network at
    /// all.
    int ask(const std::function<void(const NetlinkMessage&)>& visit);

  private:
    void append(ConstBytes bytes);
    void append_attribute(std::uint16_t type, ConstBytes value);

    int protocol_;
    std::vector<std::byte> bytes_;
};

} // namespace aoetarget::net
