// lib/protocol/README.md, "Advertisements": discovery and advertisement.
#include "catch.hpp"
#include "scene.hpp"

#include <algorithm>

using namespace aoetest;

namespace {

using Advertisements = std::vector<Reply>;

// Collects until an advertisement satisfies `wanted`.
bool advertisement_comes(RawClient& client, const std::function<bool(const Reply&)>& wanted,
                         Milliseconds patience = Milliseconds(3000)) {
    Advertisements seen;
    return client.wait_until(
        [&] {
            for (Reply& reply : client.take_advertisements())
                seen.push_back(std::move(reply));
            return std::any_of(seen.begin(), seen.end(), wanted);
        },
        patience);
}

// A link is down for longer than it takes to notice.
constexpr Milliseconds notice{100};

// The copies that a target sends at its start have all come by then: three, 100 ms apart.
void let_start_pass(RawClient& client) {
    client.receive(Milliseconds(400));
    client.take_advertisements();
}

} // namespace

TEST_CASE("a target advertises each export by broadcast when it starts", "[advertise]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    const ImageFile image(64);
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path(), "read-only"),
                                                     export_argument(2, 7, image.path(), "read-only")});
    for (const std::pair<unsigned, unsigned>& address : {std::pair(1u, 1u), std::pair(2u, 7u)}) {
        CAPTURE(address.first, address.second);
        // The client checks R, tag 0, ccmd 0, length, padding and source of every advertisement.
        CHECK(advertisement_comes(client, [&](const Reply& reply) {
            return reply.shelf() == address.first && reply.slot() == address.second &&
                   reply.destination() == broadcast_mac;
        }));
    }
}

TEST_CASE("an advertisement carries the same values as the answer to a query", "[advertise]") {
    Scene scene;
    REQUIRE(scene.client.wait_until([&] { // leave the first one in place
        scene.client.receive(Milliseconds(50));
        return true;
    }));
    const Advertisements seen = scene.client.take_advertisements();
    REQUIRE_FALSE(seen.empty());
    const Reply query = scene.client.ask(config_request());
    CHECK(seen[0].slice(24, 200) == query.slice(24, 200));
}

TEST_CASE("a target does not advertise periodically", "[advertise]") {
    Scene scene;
    let_start_pass(scene.client);
    scene.client.receive(Milliseconds(1500));
    CHECK(scene.client.take_advertisements().empty());
}

TEST_CASE("a target advertises periodically on an interface that asks for it", "[advertise]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    const TargetProcess target({wire.target_end() + ",advertise=1"}, {export_argument(1, 1, image.path())});
    let_start_pass(client);
    for (int i = 0; i < 2; ++i) {
        CHECK(advertisement_comes(client, [](const Reply& reply) { return reply.slot() == 1; }));
        let_start_pass(client);
    }
}

TEST_CASE("a target advertises when a new initiator broadcasts, and tells the operator", "[advertise]") {
    Scene scene;
    let_start_pass(scene.client);
    Request discovery = config_request();
    discovery.destination = broadcast_mac;
    scene.client.ask(discovery);
    CHECK(advertisement_comes(scene.client, [](const Reply& reply) { return reply.slot() == 1; }));
    CHECK(scene.client.wait_until([&] {
        return contains(scene.target.log(), scene.client.mac().text() + ": This initiator is new here");
    }));
    let_start_pass(scene.client);
    scene.client.ask(discovery); // it is known by now
    scene.client.receive(Milliseconds(1200));
    CHECK(scene.client.take_advertisements().empty());
}

TEST_CASE("a new initiator gets an advertisement whatever it has asked for by broadcast", "[advertise]") {
    Scene scene;
    let_start_pass(scene.client);
    Request elsewhere = config_request().to(99, 9);
    elsewhere.destination = broadcast_mac;
    scene.client.send(elsewhere);
    CHECK(advertisement_comes(scene.client, [](const Reply& reply) { return reply.slot() == 1; }));
}

TEST_CASE("a broadcast discovery finds every export", "[advertise]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    const ImageFile image(64);
    std::vector<std::string> exports;
    for (unsigned slot = 0; slot < 20; ++slot)
        exports.push_back(export_argument(0, slot, image.path(), "read-only"));
    const TargetProcess target({wire.target_end()}, exports);
    client.set_sentinel(config_request().to(0, 0));
    Request discovery = config_request();
    discovery.destination = broadcast_mac;
    CHECK(client.ask_all(discovery.to(every_shelf, every_slot), 20).size() == 20);
}

TEST_CASE("a target advertises a config string that has changed", "[advertise][config-string]") {
    Scene scene;
    let_start_pass(scene.client);
    scene.client.ask(config_request(ccmd_set, "new owner"));
    CHECK(advertisement_comes(scene.client,
                              [](const Reply& reply) { return reply.config_text() == "new owner"; }));
    let_start_pass(scene.client);
    scene.client.ask(config_request(ccmd_set, "new owner")); // stored already: nothing new to tell
    scene.client.ask(config_request());
    scene.client.receive(Milliseconds(200));
    CHECK(scene.client.take_advertisements().empty());
}

TEST_CASE("a target with a mask list advertises to each of its addresses and to no other",
          "[advertise][mask-list]") {
    Scene scene;
    let_start_pass(scene.client);
    const Mac first = numbered_mac(1);
    scene.client.ask(mask_request(mask_edit, {{directive_add, first}, {directive_add, scene.client.mac()}}));
    scene.client.receive(Milliseconds(200));
    scene.client.take_advertisements();
    scene.client.ask(config_request(ccmd_set, "news"));
    Advertisements seen;
    scene.client.wait_until(
        [&] {
            for (Reply& reply : scene.client.take_advertisements())
                seen.push_back(std::move(reply));
            return seen.size() >= 2;
        },
        Milliseconds(3000));
    for (const Mac& listed : {first, scene.client.mac()})
        CHECK(std::any_of(seen.begin(), seen.end(),
                          [&](const Reply& reply) { return reply.destination() == listed; }));
    for (const Reply& reply : seen)
        CHECK(reply.destination() != broadcast_mac);
}

TEST_CASE("a target advertises on a link that comes up", "[advertise]") {
    Scene scene;
    let_start_pass(scene.client);
    set_link(scene.wire.target_end(), false);
    scene.client.receive(notice);
    set_link(scene.wire.target_end(), true);
    CHECK(advertisement_comes(scene.client,
                              [](const Reply& reply) { return reply.destination() == broadcast_mac; }));
}

TEST_CASE("a target advertises on a link whose carrier returns", "[advertise]") {
    Scene scene;
    let_start_pass(scene.client);
    set_link(scene.wire.client_end(), false); // the target's end stays up, without carrier
    scene.client.receive(notice);
    set_link(scene.wire.client_end(), true);
    CHECK(advertisement_comes(scene.client,
                              [](const Reply& reply) { return reply.destination() == broadcast_mac; }));
}

TEST_CASE("a target advertises the new sector count when the MTU changes", "[advertise][mtu]") {
    Scene scene;
    let_start_pass(scene.client);
    scene.wire.set_mtu(1060 + 512);
    scene.wire.set_mtu(1000);
    CHECK(
        advertisement_comes(scene.client, [](const Reply& reply) { return reply.sectors_per_frame() == 1; }));
}

TEST_CASE("a target advertises a new address of its interface and answers from it", "[advertise]") {
    const VethPair wire("moving");
    const ImageFile image(64);
    RawClient client(wire);
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
    let_start_pass(client);
    const Mac moved = numbered_mac(0xABCD);
    set_mac(wire.target_end(), moved);
    client.rebind();
    CHECK(advertisement_comes(client, [&](const Reply& reply) { return reply.source() == moved; }));
    CHECK(client.ask(config_request()).source() == moved);
    CHECK(client.read(0, 1) == pattern(0, 1));
}

TEST_CASE("each interface gets its own advertisement with its own sector count", "[advertise]") {
    const VethPair& narrow = standard_wire();
    const VethPair wide("wide", 9000);
    RawClient narrow_client(narrow);
    RawClient wide_client(wide);
    const ImageFile image(64);
    const TargetProcess target({narrow.target_end(), wide.target_end()},
                               {export_argument(1, 1, image.path())});
    CHECK(advertisement_comes(narrow_client,
                              [](const Reply& reply) { return reply.sectors_per_frame() == 2; }));
    CHECK(
        advertisement_comes(wide_client, [](const Reply& reply) { return reply.sectors_per_frame() == 16; }));
    for (const Reply& reply : narrow_client.take_advertisements())
        CHECK(reply.sectors_per_frame() == 2);
    for (const Reply& reply : wide_client.take_advertisements())
        CHECK(reply.sectors_per_frame() == 16);
}
