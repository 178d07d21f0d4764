// What the kernel says of interfaces, and how it is read (net/interface.hpp, net/netlink.hpp).
#include "net/interface.hpp"
#include "net/interface_monitor.hpp"
#include "net/netlink.hpp"
#include "support/catch.hpp"
#include "support/test_network.hpp"

#include <algorithm>
#include <vector>

#include <linux/rtnetlink.h>
#include <net/if.h>

using namespace aoetest;
using aoetarget::net::InterfaceState;
using aoetarget::net::is_made_of_others;
using aoetarget::net::query_interface;
using aoetarget::net::query_interfaces;

namespace {

/// A bridge of one port.
struct BridgeOfOne {
    BridgeOfOne() { bridge.take(wire.target_end()); }

    VethPair wire{"port"};
    Bridge bridge{"br-test"};
};

} // namespace

TEST_CASE("the kernel tells an interface's index, names, MTU, address and kind", "[net][interface]") {
    const VethPair wire("asked", 1400);
    const auto state = query_interface(wire.target_end());
    REQUIRE(state);
    CHECK(state->index == static_cast<int>(if_nametoindex(wire.target_end().c_str())));
    CHECK(state->name == wire.target_end());
    CHECK(state->mtu == 1400);
    CHECK(to_string(state->mac) == mac_of(wire.target_end()).text());
    CHECK(state->kind == "veth");
    CHECK((state->up && state->carrier && state->ethernet && !state->loopback));
    CHECK(state->port_of.empty());
    CHECK_FALSE(is_made_of_others(*state));

    set_link(wire.client_end(), false);
    CHECK_FALSE(query_interface(state->index)->carrier);
    CHECK(query_interface(state->index)->up);
    set_link(wire.target_end(), false);
    CHECK_FALSE(query_interface(state->index)->up);
}

TEST_CASE("an interface is found by an alternative name, and by its index under another name",
          "[net][interface]") {
    const VethPair wire("named");
    const std::string long_name = "a-name-that-is-longer-than-fifteen-characters";
    run_ip({"link", "property", "add", "dev", wire.target_end(), "altname", long_name});
    const auto state = query_interface(long_name);
    REQUIRE(state);
    CHECK(state->name == wire.target_end());
    CHECK((state->has_name(long_name) && state->has_name(wire.target_end()) && !state->has_name("other")));

    set_link(wire.target_end(), false);
    run_ip({"link", "set", wire.target_end(), "name", "storage0"});
    CHECK(query_interface(state->index)->name == "storage0");
    CHECK_FALSE(query_interface(wire.target_end()));
    delete_interface("storage0");
    CHECK_FALSE(query_interface(state->index));
}

TEST_CASE("no interface has an empty name, or one longer than the kernel allows", "[net][interface]") {
    enter_test_network();
    CHECK_FALSE(query_interface(""));
    CHECK_FALSE(query_interface(std::string(128, 'x')));
    CHECK_FALSE(query_interface(std::string(127, 'x')));
}

TEST_CASE("a port names the bridge that takes its frames", "[net][interface]") {
    const BridgeOfOne bridge;
    CHECK(query_interface(bridge.wire.target_end())->port_of == "br-test");
    CHECK(query_interface("br-test")->port_of.empty());
    Bridge::release(bridge.wire.target_end());
    CHECK(query_interface(bridge.wire.target_end())->port_of.empty());
}

TEST_CASE("bridges, and what was made on top of an interface, are made of others", "[net][interface]") {
    const BridgeOfOne bridge;
    const auto bridge_state = query_interface("br-test");
    CHECK(is_made_of_others(*bridge_state));
    InterfaceState assembly = *bridge_state;
    assembly.kind = "something new"; // it has ports all the same
    CHECK(is_made_of_others(assembly));
    Bridge::release(bridge.wire.target_end());
    CHECK_FALSE(is_made_of_others(assembly));

    const VethPair wire("lower");
    run_ip({"link", "add", "upper", "link", wire.target_end(), "type", "macvlan"});
    CHECK(query_interface("upper")->kind == "macvlan");
    CHECK(is_made_of_others(*query_interface("upper")));
    CHECK_FALSE(is_made_of_others(*query_interface(wire.target_end())));
}

TEST_CASE("what was made on top of an interface of another namespace may have the same index",
          "[net][interface]") {
    enter_test_network();
    CHECK(is_made_of_others(InterfaceState{.index = 99, .kind = "macvlan", .lower = 99}));
    CHECK_FALSE(is_made_of_others(InterfaceState{.index = 99, .kind = "veth", .lower = 99}));
}

TEST_CASE("all interfaces are told at once", "[net][interface]") {
    const BridgeOfOne bridge;
    const auto all = query_interfaces();
    const auto find = [&](const std::string& name) {
        return std::ranges::find(all, name, &InterfaceState::name);
    };
    REQUIRE(find(bridge.wire.target_end()) != all.end());
    CHECK(find(bridge.wire.target_end())->port_of == "br-test");
    REQUIRE(find("lo") != all.end());
    CHECK(find("lo")->loopback);
}

TEST_CASE("a netlink message that is cut short anywhere is read as far as it goes", "[net][interface]") {
    const VethPair wire("cut");
    std::vector<std::byte> bytes;
    aoetarget::net::NetlinkRequest question(RTM_GETLINK, 0);
    ifinfomsg about{};
    about.ifi_index = static_cast<int>(if_nametoindex(wire.target_end().c_str()));
    question.header(about).ask([&](const aoetarget::net::NetlinkMessage& message) {
        bytes.assign(message.body.begin(), message.body.end());
    });
    REQUIRE_FALSE(bytes.empty());
    for (std::size_t length = 0; length <= bytes.size(); ++length) {
        const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
        const auto state = aoetarget::net::read_interface({RTM_NEWLINK, cut});
        CHECK(state.has_value() == (length >= sizeof about));
    }
}

namespace {

void append(std::vector<std::byte>& bytes, const void* data, std::size_t size) {
    const auto* from = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), from, from + size);
}

/// RTM_NEWLINK for interface 7, with an event.
std::vector<std::byte> link_message(std::uint32_t event) {
    struct {
        nlmsghdr header{};
        ifinfomsg about{};
        nlattr start{};
        std::uint32_t event = 0;
    } message;
    message.header.nlmsg_len = sizeof message;
    message.header.nlmsg_type = RTM_NEWLINK;
    message.about.ifi_index = 7;
    message.start = {.nla_len = sizeof message.start + sizeof message.event, .nla_type = IFLA_EVENT};
    message.event = event;
    std::vector<std::byte> bytes;
    append(bytes, &message, sizeof message);
    return bytes;
}

} // namespace

TEST_CASE("the kernel tells when a bond sends through another port", "[net][interface]") {
    for (const std::uint32_t event :
         {IFLA_EVENT_BONDING_FAILOVER, IFLA_EVENT_NOTIFY_PEERS, IFLA_EVENT_IGMP_RESEND}) {
        const auto news = aoetarget::net::read_news(link_message(event));
        REQUIRE(news.size() == 1);
        CHECK(news.front().interface.index == 7);
        CHECK(news.front().moved);
    }
    for (const std::uint32_t event :
         {IFLA_EVENT_NONE, IFLA_EVENT_REBOOT, IFLA_EVENT_FEATURES, IFLA_EVENT_BONDING_OPTIONS})
        CHECK_FALSE(aoetarget::net::read_news(link_message(event)).front().moved);
}

TEST_CASE("several messages of one datagram are all read, and what is not about interfaces is left out",
          "[net][interface]") {
    std::vector<std::byte> datagram = link_message(IFLA_EVENT_NONE);
    nlmsghdr done{};
    done.nlmsg_len = sizeof done;
    done.nlmsg_type = NLMSG_DONE;
    append(datagram, &done, sizeof done);
    const auto last = link_message(IFLA_EVENT_NOTIFY_PEERS);
    datagram.insert(datagram.end(), last.begin(), last.end());
    const auto news = aoetarget::net::read_news(datagram);
    REQUIRE(news.size() == 2);
    CHECK((!news.front().moved && news.back().moved));
}
