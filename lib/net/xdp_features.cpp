// Asks generic netlink (its family "netdev") for the features, and rtnetlink for programs.
#include "net/xdp_features.hpp"

#include "net/netlink.hpp"

#include <cstdint>
#include <cstring>

#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

namespace aoetarget::net {
namespace {

// Of linux/netdev.h, which the headers of Linux 6.1 do not have.
constexpr std::uint8_t netdev_get_device = 1;
constexpr std::uint16_t attribute_index = 1, attribute_xdp_features = 3;
constexpr std::uint64_t runs_programs = 1, redirects = 2;

NetlinkRequest generic_question(std::uint16_t family, std::uint8_t command) {
    NetlinkRequest request(family, 0, NETLINK_GENERIC);
    request.header(genlmsghdr{.cmd = command, .version = 1, .reserved = 0});
    return request;
}

/// Returns 0 if the kernel has no such family.
std::uint16_t find_family(const char* name) {
    std::uint16_t family = 0;
    NetlinkRequest request = generic_question(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
    request.attribute(CTRL_ATTR_FAMILY_NAME, std::string_view(name));
    request.ask([&](const NetlinkMessage& message) {
        if (message.body.size() < sizeof(genlmsghdr))
            return;
        for_each_attribute(message.body.subspan(sizeof(genlmsghdr)), [&](const NetlinkAttribute& attribute) {
            if (attribute.type == CTRL_ATTR_FAMILY_ID)
                family = attribute.as<std::uint16_t>();
        });
    });
    return family;
}

} // namespace

std::optional<bool> has_native_xdp(int interface_index) {
    const std::uint16_t family = find_family("netdev");
    if (family == 0)
        return std::nullopt;
    std::optional<bool> native;
    NetlinkRequest request = generic_question(family, netdev_get_device);
    request.attribute(attribute_index, static_cast<std::uint32_t>(interface_index));
    request.ask([&](const NetlinkMessage& message) {
        if (message.type != family || message.body.size() < sizeof(genlmsghdr))
            return;
        for_each_attribute(message.body.subspan(sizeof(genlmsghdr)), [&](const NetlinkAttribute& attribute) {
            constexpr std::uint64_t needed = runs_programs | redirects;
            if (attribute.type == attribute_xdp_features)
                native = (attribute.as<std::uint64_t>() & needed) == needed;
        });
    });
    return native;
}

bool has_xdp_program(int interface_index) {
    bool attached = false;
    ifinfomsg about{};
    about.ifi_index = interface_index;
    NetlinkRequest request(RTM_GETLINK, 0);
    request.header(about);
    request.ask([&](const NetlinkMessage& message) {
        if (message.type != RTM_NEWLINK || message.body.size() < sizeof about)
            return;
        for_each_attribute(message.body.subspan(NLMSG_ALIGN(sizeof about)),
                           [&](const NetlinkAttribute& attribute) {
                               if (attribute.type != IFLA_XDP)
                                   return;
                               for_each_attribute(attribute.value, [&](const NetlinkAttribute& xdp) {
                                   if (xdp.type == IFLA_XDP_ATTACHED)
                                       attached = xdp.as<std::uint8_t>() != XDP_ATTACHED_NONE;
                               });
                           });
    });
    return attached;
}

} // namespace aoetarget::net
