// Interfaces that are not there yet, by name or by pattern (cli/README.md, "Options of an interface").
#include "catch.hpp"
#include "scene.hpp"

#include <csignal>
#include <thread>

using namespace aoetest;

namespace {

bool says(const std::string& text, const std::string& words) {
    return text.find(words) != std::string::npos;
}

std::size_t count(const std::string& text, const std::string& words) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find(words, at)) != std::string::npos; at += words.size())
        ++found;
    return found;
}

} // namespace

TEST_CASE("an interface with `wait` is served when it appears, and again when it comes back", "[pattern]") {
    enter_test_network();
    const ImageFile image(64);
    TargetProcess target({"later-t,wait"}, {export_argument(1, 1, image.path())});
    CHECK(says(target.log(), "note: there is no interface later-t yet"));
    const VethPair wire("later");
    RawClient client(wire);
    CHECK(client.is_served_soon());
    CHECK(client.read(1, 1) == pattern(1, 1));
    CHECK(says(target.log(), "later-t: The interface is there, and is served"));
    wire.destroy();
    CHECK(client.wait_until([&] { return says(target.log(), "later-t: The interface is gone."); }));
    wire.create(1500);
    client.rebind();
    CHECK(client.is_served_soon());
    CHECK(client.read(2, 1) == pattern(2, 1));
}

TEST_CASE("an interface with `wait` that is there is served like any other", "[pattern]") {
    const VethPair wire("there");
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",wait"}, {export_argument(1, 1, image.path())});
    CHECK(client.read(1, 1) == pattern(1, 1));
    CHECK_FALSE(says(target.log(), "there is no interface"));
}

TEST_CASE("without `wait` an interface that does not exist is an error", "[pattern]") {
    enter_test_network();
    const ImageFile image(64);
    const ToolResult result = run_tool({target_program(), "serve", "--control", "none", "-i", "nothing0",
                                        "-e", export_argument(1, 1, image.path())});
    CHECK(result.exit_code == 5);
    CHECK(says(result.error, "there is no such interface"));
}

TEST_CASE("a pattern serves what is there and what comes, until it goes", "[pattern]") {
    const VethPair first("vnet1");
    const VethPair foreign("other1");
    set_link("lo", true);
    const ImageFile image(64);
    RawClient client(first), stranger(foreign);
    TargetProcess target({"vnet?-t"}, {export_argument(1, 1, image.path())});
    CHECK(says(target.log(), "note: the target serves interfaces named vnet?-t as soon as they appear"));
    CHECK(says(target.log(), "vnet1-t: " + mac_of("vnet1-t").text()));
    CHECK(client.read(1, 1) == pattern(1, 1));
    stranger.send_unanswerable(config_request());
    for (int round = 0; round < 3; ++round) {
        const VethPair second("vnet2");
        RawClient other(second);
        CHECK(other.is_served_soon());
        CHECK(other.read(2, 1) == pattern(2, 1));
        CHECK(client.read(3, 1) == pattern(3, 1));
    }
    stranger.receive(Milliseconds(50));
    CHECK(client.wait_until([&] { return says(target.log(), "notice: vnet2-t: The interface is gone."); }));
    CHECK_FALSE(says(target.log(), "vnet1-c"));
}

TEST_CASE("a pattern takes no loopback interface, and none that has an -i of its own", "[pattern]") {
    const VethPair wire("named1");
    set_link("lo", true);
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({"*", wire.target_end() + ",sectors-per-frame=1"},
                         {export_argument(1, 1, image.path())});
    CHECK_FALSE(says(target.log(), "lo: "));
    CHECK(says(target.log(), wire.target_end() + ": " + mac_of(wire.target_end()).text() +
                                 ", MTU 1500, 1 sector per frame"));
    CHECK(client.ask(config_request()).sectors_per_frame() == 1);
}

TEST_CASE("a waited-for name goes before a pattern, and every thread serves what comes", "[pattern]") {
    enter_test_network();
    const ImageFile image(64);
    TargetProcess target(
        {"come*-t", "come1-t,wait,sectors-per-frame=1"},
        {export_argument(1, 1, image.path(), "read-only"), export_argument(1, 2, image.path(), "read-only")},
        {"--threads", "2"});
    const VethPair one("come1");
    const VethPair two("come2");
    for (const auto& [wire, sectors] : {std::pair(&one, 1u), std::pair(&two, 2u)}) {
        RawClient client(*wire);
        CHECK(client.is_served_soon());
        for (const unsigned slot : {1u, 2u})
            CHECK(client.ask(config_request().to(1, static_cast<std::uint8_t>(slot))).sectors_per_frame() ==
                  sectors);
    }
}

TEST_CASE("each interface that cannot be served is told once", "[pattern]") {
    enter_test_network();
    const ImageFile image(64);
    TargetProcess target({"tun1,wait", "tun2,wait"}, {export_argument(1, 1, image.path())});
    for (const char* name : {"tun1", "tun2"})
        run_ip({"tuntap", "add", name, "mode", "tun"}); // which has no Ethernet frames
    std::this_thread::sleep_for(Milliseconds(3500));
    for (const char* name : {"tun1", "tun2"}) {
        CHECK(count(target.log(), std::string(name) + ": The interface is there and cannot be served") == 1);
        delete_interface(name);
    }
}

TEST_CASE("old news of a name do not disturb the interface that has it now", "[pattern]") {
    const VethPair wire("again");
    wire.destroy();
    const ImageFile image(64);
    TargetProcess target({"again*-t"}, {export_argument(1, 1, image.path())});
    target.signal(SIGSTOP);
    wire.create(1500);
    wire.destroy();
    wire.create(1500);
    target.signal(SIGCONT);
    RawClient client(wire);
    CHECK(client.is_served_soon());
    CHECK(client.read(1, 1) == pattern(1, 1));
    std::this_thread::sleep_for(Milliseconds(100));
    CHECK_FALSE(says(target.log(), "cannot be served"));
}
