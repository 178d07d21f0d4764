// Interfaces that take a module: bonds, teams, VRFs, VLANs, and their ports
// (lib/net/README.md, "Interfaces that are made of others").
#include "catch.hpp"
#include "machine.hpp"
#include "raw_client.hpp"

using namespace aoetest;

namespace {

// With what a bond or a team is made.
struct Kind {
    const char* name;
    std::vector<std::string> type_and_options;
};

const Kind bond_kind{"bond", {"bond", "mode", "active-backup", "miimon", "50"}};
const Kind team_kind{"team", {"team"}};

// A team passes no frames until it is told how, which is teamd's part in daily life.
void make_ready(const Master& master, const Kind& kind) {
    if (kind.name == team_kind.name)
        run({"teamnl", master.name(), "setoption", "mode", "roundrobin"});
}

// Neither a unicast nor a broadcast request gets an answer.
void check_silence(RawClient& client) {
    for (const bool broadcast : {false, true}) {
        CAPTURE(broadcast);
        Request request = client.completed(config_request());
        if (broadcast)
            request.destination = broadcast_mac;
        client.send(request);
        CHECK_FALSE(client.wait_for(*request.tag, Milliseconds(500)));
    }
    client.forget_outstanding();
}

void check_that_a_note_tells(const Kind& kind) {
    const VethPair wire("wire");
    const Master master("master0", kind.type_and_options);
    make_ready(master, kind);
    master.take(wire.target_end());
    const ImageFile image(64);
    const std::string instead = "is a port of master0, which takes its frames: serve master0 instead";
    {
        TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
        CHECK(contains(target.log(), "note: " + wire.target_end() + " " + instead));
    }
    CHECK(contains(refusal_of(wire.target_end() + ",link=xdp", image.path()), instead));
}

void check_that_an_event_tells(const Kind& kind) {
    const VethPair wire("wire");
    const Master master("master0", kind.type_and_options);
    make_ready(master, kind);
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
    CHECK(client.is_served_soon());
    client.forget_outstanding();
    master.take(wire.target_end());
    CHECK(says(target, wire.target_end() + ": The interface is a port of master0, which takes its frames: "
                                           "serve master0 instead."));
    client.rebind();
    check_silence(client);
    client.take_advertisements();
    run_ip({"link", "set", wire.target_end(), "nomaster"});
    set_link(wire.target_end(), true);
    CHECK(says(target, wire.target_end() + ": The interface is no longer a port of master0, and is served."));
    client.rebind();
    CHECK(client.is_served_soon());
    CHECK(client.read(5, 2) == pattern(5, 2));
    CHECK(client.wait_until([&] { return !client.take_advertisements().empty(); }, slow_patience));
}

// Over packet sockets, whatever the link should be; link=xdp is refused, and the refusal says why.
void check_service_without_xdp(const std::string& interface, const std::string& kind, RawClient& client) {
    const ImageFile image(64);
    const std::string why = "frames come to this interface (" + kind + ") from others";
    {
        TargetProcess target({interface}, {export_argument(1, 1, image.path())});
        CHECK(client.is_served_soon());
        CHECK(client.read(5, 2) == pattern(5, 2));
        client.write(6, pattern(6, 2, 1));
        CHECK(client.read(6, 2) == pattern(6, 2, 1));
        CHECK(contains(target.log(), "packet: " + why));
        client.forget_outstanding();
    }
    CHECK(contains(refusal_of(interface + ",link=xdp", image.path()), why));
}

void check_service(const Kind& kind) {
    const VethPair wire("wire");
    const Master master("master0", kind.type_and_options);
    make_ready(master, kind);
    master.take(wire.target_end());
    RawClient client(wire.client_end(), master.name());
    check_service_without_xdp(master.name(), kind.name, client);
}

} // namespace

TEST_CASE("a port of a bond is named with the bond at the start") {
    check_that_a_note_tells(bond_kind);
}

TEST_CASE("a port of a team is named with the team at the start") {
    check_that_a_note_tells(team_kind);
}

TEST_CASE("an interface that a bond takes is silent until it is free again") {
    check_that_an_event_tells(bond_kind);
}

TEST_CASE("an interface that a team takes is silent until it is free again") {
    check_that_an_event_tells(team_kind);
}

TEST_CASE("a bond is served over packet sockets") {
    check_service(bond_kind);
}

TEST_CASE("a team is served over packet sockets") {
    check_service(team_kind);
}

// The kernel passes frames that come to such a port to whoever listens at this port and nowhere else.
TEST_CASE("a port that a bond does not use answers nothing") {
    const Switch network;
    const Master bond("bond0", bond_kind.type_and_options);
    bond.take(network.one().target_end());
    bond.take(network.two().target_end());
    run_ip({"link", "set", bond.name(), "type", "bond", "active_slave", network.one().target_end()});
    const ImageFile image(64);
    RawClient client(network.client_end(), bond.name());
    TargetProcess target({network.two().target_end()}, {export_argument(1, 1, image.path())});
    check_silence(client);
    CHECK(client.take_advertisements().empty());
}

// In some modes the bond hears through one port what it sends through another.
TEST_CASE("a bond is served in other modes and is in no conflict with itself") {
    const std::string mode = GENERATE(as<std::string>{}, "balance-rr", "802.3ad", "balance-alb");
    CAPTURE(mode);
    const Switch network;
    const Master bond("bond0", {"bond", "mode", mode, "miimon", "50"});
    bond.take(network.one().target_end());
    bond.take(network.two().target_end());
    const ImageFile image(64);
    RawClient client(network.client_end(), bond.name());
    TargetProcess target({bond.name()}, {export_argument(1, 1, image.path())});
    CHECK(client.is_served_soon());
    for (unsigned lba = 0; lba < 40; lba += 2)
        CHECK(client.read(lba, 2) == pattern(lba, 2));
    client.receive(Milliseconds(1000));
    CAPTURE(target.log());
    CHECK_FALSE(contains(target.log(), "error: "));
    CHECK_FALSE(contains(target.log(), "answers for"));
}

TEST_CASE("a VLAN device is served over packet sockets") {
    const VethPair wire("wire");
    for (const std::string& end : {wire.target_end(), wire.client_end()}) {
        run_ip({"link", "add", end + ".5", "link", end, "type", "vlan", "id", "5"});
        set_link(end + ".5", true);
    }
    RawClient client(wire.client_end() + ".5", wire.target_end() + ".5");
    check_service_without_xdp(wire.target_end() + ".5", "vlan", client);
}

TEST_CASE("a port of a VRF is served as if it were none") {
    const VethPair wire("wire");
    const Master vrf("vrf0", {"vrf", "table", "10"});
    vrf.take(wire.target_end());
    const ImageFile image(64);
    RawClient client(wire);
    for (const char* link : {",link=packet", ",link=xdp"}) {
        CAPTURE(link);
        TargetProcess target({wire.target_end() + link}, {export_argument(1, 1, image.path())});
        CHECK(client.is_served_soon());
        CHECK(client.read(5, 2) == pattern(5, 2));
        CHECK_FALSE(contains(target.log(), "vrf0"));
        client.forget_outstanding();
    }
}

TEST_CASE("an interface that a VRF takes and gives back is served all the time") {
    const VethPair wire("wire");
    const Master vrf("vrf0", {"vrf", "table", "10"});
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
    CHECK(client.is_served_soon());
    for (const char* words : {"master vrf0", "nomaster"}) {
        CAPTURE(words);
        if (std::string(words) == "nomaster")
            run_ip({"link", "set", wire.target_end(), "nomaster"});
        else
            run_ip({"link", "set", wire.target_end(), "master", "vrf0"});
        CHECK(client.is_served_soon());
        CHECK(client.read(5, 2) == pattern(5, 2));
    }
    client.forget_outstanding();
    CHECK_FALSE(contains(target.log(), "vrf0"));
}
