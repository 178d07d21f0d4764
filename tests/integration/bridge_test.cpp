// Interfaces that others are made of, or that are made of others: ports of a bridge, the bridge itself, what
// lies on top of an interface (lib/net/README.md, "Interfaces that are made of others").
#include "catch.hpp"
#include "scene.hpp"
#include "xdp_scene.hpp"

#include <csignal>
#include <set>
#include <thread>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace aoetest;

namespace {

bool says(const std::string& text, const std::string& words) {
    return text.find(words) != std::string::npos;
}

// What the kernel tells of a bond that sends through another port, made up: this interface is none.
void tell_failover(const std::string& interface) {
    struct {
        nlmsghdr header{};
        ifinfomsg about{};
        nlattr start{};
        std::uint32_t event = IFLA_EVENT_BONDING_FAILOVER;
    } message;
    message.header.nlmsg_len = sizeof message;
    message.header.nlmsg_type = RTM_NEWLINK;
    message.about.ifi_index = static_cast<int>(::if_nametoindex(interface.c_str()));
    message.start = {.nla_len = sizeof message.start + sizeof message.event, .nla_type = IFLA_EVENT};
    sockaddr_nl everybody{};
    everybody.nl_family = AF_NETLINK;
    everybody.nl_groups = RTMGRP_LINK;
    const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    CHECK(::sendto(fd, &message, sizeof message, 0, reinterpret_cast<const sockaddr*>(&everybody),
                   sizeof everybody) == sizeof message);
    ::close(fd);
}

} // namespace

TEST_CASE("after a failover every export is advertised at once, so that switches learn the new port",
          "[bridge]") {
    const VethPair& wire = standard_wire();
    const VethPair other("steady");
    const ImageFile image(64);
    RawClient client(wire), other_client(other);
    TargetProcess target(
        {wire.target_end(), other.target_end()},
        {export_argument(1, 1, image.path(), "read-only"), export_argument(1, 2, image.path(), "read-only")});
    client.settle();
    // Those of the start are three, 100 ms apart.
    std::this_thread::sleep_for(Milliseconds(500));
    client.receive(Milliseconds(10));
    other_client.receive(Milliseconds(10));
    client.take_advertisements();
    other_client.take_advertisements();
    tell_failover(wire.target_end());
    std::set<unsigned> slots;
    CHECK(client.wait_until(
        [&] {
            for (const Reply& reply : client.take_advertisements())
                slots.insert(reply.slot());
            return slots == std::set<unsigned>{1, 2};
        },
        Milliseconds(1000)));
    other_client.receive(Milliseconds(10));
    CHECK(other_client.take_advertisements().empty());
}

TEST_CASE("after lost news every export is advertised, since a failover may have been among them",
          "[bridge]") {
    const VethPair wire("lost");
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path(), "read-only")});
    client.settle();
    std::this_thread::sleep_for(Milliseconds(500)); // those of the start
    client.receive(Milliseconds(10));
    client.take_advertisements();
    target.signal(SIGSTOP);
    for (int i = 0; i < 1000; ++i) // more than the target's socket holds
        tell_failover("lo");
    tell_failover(wire.target_end());
    target.signal(SIGCONT);
    CHECK(client.wait_until([&] { return !client.take_advertisements().empty(); }, Milliseconds(1000)));
}

TEST_CASE("at the start a note tells that an interface is a port, and of what", "[bridge]") {
    const VethPair wire("portb");
    const Bridge bridge("portb-b");
    bridge.take(wire.target_end());
    const ImageFile image(64);
    TargetProcess target({wire.target_end() + ",link=auto"}, {export_argument(1, 1, image.path())});
    CHECK(says(target.log(), "note: " + wire.target_end() +
                                 " is a port of portb-b, which takes its frames: serve portb-b instead"));
    CHECK_FALSE(says(target.log(), "has no link now"));
    CHECK_FALSE(has_program(wire.target_end()));
}

TEST_CASE("a port of a bridge that is served, too, needs nothing more", "[bridge]") {
    const VethPair wire("ports");
    const Bridge bridge("ports-b");
    bridge.take(wire.target_end());
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=auto", "ports-b,link=auto"},
                         {export_argument(1, 1, image.path())});
    CHECK(says(target.log(),
               "note: " + wire.target_end() + " is a port of ports-b, which takes its frames and is served"));
    Bridge::release(wire.target_end());
    CHECK(client.wait_until([&] { return says(target.log(), "is no longer a port of ports-b"); }));
    bridge.take(wire.target_end());
    CHECK(client.wait_until([&] {
        return says(target.log(), wire.target_end() + ": The interface is a port of ports-b, which takes its "
                                                      "frames and is served.");
    }));
    CHECK_FALSE(says(target.log(), "instead"));
}

TEST_CASE("link=xdp on a port is refused, and the refusal names the bridge", "[bridge]") {
    const VethPair wire("portx");
    const Bridge bridge("portx-b");
    bridge.take(wire.target_end());
    const ImageFile image(64);
    const ToolResult result =
        run_tool({target_program(), "serve", "--control", "none", "-i", wire.target_end() + ",link=xdp", "-e",
                  export_argument(1, 1, image.path())});
    CHECK(result.exit_code == 1);
    if (can_have_xdp())
        CHECK(says(result.error, "is a port of portx-b, which takes its frames: serve portx-b instead"));
}

TEST_CASE("an interface that becomes a port while it is served says so, and answers nothing by halves",
          "[bridge]") {
    const VethPair wire("becomes");
    const Bridge bridge("becomes-b");
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
    CHECK(client.read(5, 2) == pattern(5, 2));
    bridge.take(wire.target_end());
    CHECK(client.wait_until([&] {
        return says(target.log(), wire.target_end() +
                                      ": The interface is a port of becomes-b, which takes its "
                                      "frames: serve becomes-b instead.");
    }));
    CHECK_FALSE(has_program(wire.target_end()));
    // Bonds and teams leave all frames to who listens at their ports; a bridge leaves those to this address,
    // of LLDP.
    constexpr Mac left_to_ports{{0x01, 0x80, 0xC2, 0x00, 0x00, 0x0E}};
    for (const Mac& destination : {mac_of(wire.target_end()), broadcast_mac, left_to_ports}) {
        CAPTURE(destination.text());
        Request request = client.completed(config_request());
        request.destination = destination;
        client.send(request);
        CHECK_FALSE(client.wait_for(*request.tag, Milliseconds(200)));
    }
    client.forget_outstanding();

    client.take_advertisements();
    Bridge::release(wire.target_end());
    CHECK(client.wait_until([&] {
        return says(target.log(),
                    wire.target_end() + ": The interface is no longer a port of becomes-b, and is served.");
    }));
    CHECK(client.is_served_soon());
    CHECK(client.read(5, 2) == pattern(5, 2));
    CHECK(client.wait_until(
        [&] { return !client.take_advertisements().empty(); })); // who forgot it learns of it
}

TEST_CASE("when its lane goes because it becomes a port, the target says so", "[bridge]") {
    if (!can_have_xdp())
        SKIP_BECAUSE("XDP needs root, and may be left out of a build");
    const VethPair wire("lanep");
    const Bridge bridge("lanep-b");
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=auto"}, {export_argument(1, 1, image.path())});
    REQUIRE(has_program(wire.target_end()));
    bridge.take(wire.target_end());
    CHECK(client.wait_until([&] {
        return says(target.log(), "Packet sockets have taken over from AF_XDP, which cannot be had: the "
                                  "interface is a port of lanep-b");
    }));
}

TEST_CASE("a bridge is served over packet sockets, and link=xdp is refused for what it is", "[bridge]") {
    const VethPair wire("bridged");
    const Bridge bridge("bridged-b");
    bridge.take(wire.target_end());
    const ImageFile image(64);
    {
        RawClient client(wire.client_end(), bridge.name());
        TargetProcess target({bridge.name() + ",link=auto"}, {export_argument(1, 1, image.path())});
        CHECK(client.is_served_soon());
        CHECK(client.read(5, 2) == pattern(5, 2));
        if (can_have_xdp())
            CHECK(says(target.log(), "packet: frames come to this interface (bridge) from others"));
    }
    const ToolResult result =
        run_tool({target_program(), "serve", "--control", "none", "-i", bridge.name() + ",link=xdp", "-e",
                  export_argument(1, 1, image.path())});
    CHECK(result.exit_code == 1);
    if (can_have_xdp())
        CHECK(says(result.error, "frames come to this interface (bridge) from others"));
    CHECK_FALSE(says(result.error, "ethtool"));
}

TEST_CASE("a macvlan is served over packet sockets, without a hint that leads to XDP", "[bridge]") {
    const VethPair wire("macv");
    run_ip({"link", "add", "macv-u", "link", wire.target_end(), "type", "macvlan", "mode", "bridge"});
    set_link("macv-u", true);
    const ImageFile image(64);
    {
        RawClient client(wire.client_end(), "macv-u");
        TargetProcess target({"macv-u,link=auto"}, {export_argument(1, 1, image.path())});
        CHECK(client.is_served_soon());
        CHECK(client.read(5, 2) == pattern(5, 2));
        CHECK_FALSE(says(target.log(), "ethtool"));
        if (can_have_xdp())
            CHECK(says(target.log(), "packet: frames come to this interface (macvlan) from others"));
    }
    const ToolResult result = run_tool({target_program(), "serve", "--control", "none", "-i",
                                        "macv-u,link=xdp", "-e", export_argument(1, 1, image.path())});
    CHECK(result.exit_code == 1);
    delete_interface("macv-u");
}
