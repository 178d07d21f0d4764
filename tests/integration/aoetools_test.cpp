// Debian's aoetools against the target (lib/protocol/README.md, "aoetools"). aoeping, aoecfg and aoe-sancheck
// use raw sockets and need no kernel driver. aoe-stat, aoe-revalidate, aoe-flush and aoe-interfaces only talk
// to the driver, never to a target, so there is nothing of theirs to test here.
#include "catch.hpp"
#include "scene.hpp"

#include <algorithm>
#include <memory>

using namespace aoetest;

namespace {

// The tools answer on their own sockets, so the scene's client, which fails on replies to strangers, is left
// out.
struct ToolScene {
    explicit ToolScene(unsigned mtu = 1500) : wire(with_mtu(mtu)), image(2048) { start(); }

    void start() {
        target = std::make_unique<TargetProcess>(
            std::vector<std::string>{wire.target_end()},
            std::vector<std::string>{export_argument(1, 1, image.path(), "serial=aoetools-disk")});
    }

    ToolResult run(std::vector<std::string> words) const {
        words.at(0) = find_program(words.at(0));
        return run_tool(words, Milliseconds(8000));
    }

    static const VethPair& with_mtu(unsigned mtu) {
        const VethPair& wire = standard_wire();
        wire.set_mtu(mtu);
        return wire;
    }

    const VethPair& wire;
    ImageFile image;
    std::unique_ptr<TargetProcess> target;
};

std::string line_of(const std::string& output, const std::string& address) {
    const std::size_t start = output.find(address);
    return start == std::string::npos ? "" : output.substr(start, output.find('\n', start) - start);
}

} // namespace

TEST_CASE("aoetools: aoeping finds the target", "[aoetools]") {
    if (find_program("aoeping").empty())
        SKIP_BECAUSE("the program aoeping (package aoetools) is missing");
    ToolScene scene;
    const ToolResult result = scene.run({"aoeping", "-v", "-s", "5", "1", "1", scene.wire.client_end()});
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    std::string mac = mac_of(scene.wire.target_end()).text();
    mac.erase(std::remove(mac.begin(), mac.end(), ':'), mac.end());
    CHECK(contains(result.output, "found e1.1 with mac " + mac));
    // And only this one.
    CHECK(scene.run({"aoeping", "-s", "1", "1", "2", scene.wire.client_end()}).exit_code != 0);
}

TEST_CASE("aoetools: aoeping -i and -I read the identity", "[aoetools]") {
    if (find_program("aoeping").empty())
        SKIP_BECAUSE("the program aoeping (package aoetools) is missing");
    ToolScene scene;
    const ToolResult raw = scene.run({"aoeping", "-i", "-s", "5", "1", "1", scene.wire.client_end()});
    CAPTURE(raw.output, raw.error);
    CHECK(raw.exit_code == 0);
    CHECK(contains(raw.output, "40 00")); // word 0 of the dump
    const ToolResult fields = scene.run({"aoeping", "-I", "-s", "5", "1", "1", scene.wire.client_end()});
    CAPTURE(fields.output, fields.error);
    CHECK(fields.exit_code == 0);
    CHECK(contains(fields.output, "aoetools-disk"));
}

TEST_CASE("aoetools: aoeping -S gets an answer to SMART, either success or abort", "[aoetools]") {
    if (find_program("aoeping").empty())
        SKIP_BECAUSE("the program aoeping (package aoetools) is missing");
    ToolScene scene;
    for (const char* command : {"read_data", "enable", "disable", "return_status"}) {
        const ToolResult result =
            scene.run({"aoeping", "-S", command, "-s", "5", "1", "1", scene.wire.client_end()});
        CAPTURE(command, result.output, result.error);
        CHECK(result.exit_code >= 0);                   // it ended by itself
        CHECK_FALSE(contains(result.error, "timeout")); // and not because nothing came
        CHECK_FALSE(contains(result.error, "timed out"));
    }
}

TEST_CASE("aoetools: aoecfg reads, sets, tests and clears the config string", "[aoetools]") {
    if (find_program("aoecfg").empty())
        SKIP_BECAUSE("the program aoecfg (package aoetools) is missing");
    ToolScene scene;
    const std::string& wire = scene.wire.client_end();
    // With an address it prints the string alone, one line per answer, and nothing when there is none.
    const auto aoecfg = [&](std::vector<std::string> words) {
        words.insert(words.begin(), "aoecfg");
        words.insert(words.end(), {"-t", "1", "1", "1", wire});
        return scene.run(words).output;
    };
    CHECK(aoecfg({}) == "\n");
    CHECK(aoecfg({"-c", "set", "-s", "rack 7"}) == "rack 7\n");
    CHECK(aoecfg({}) == "rack 7\n");
    CHECK(aoecfg({"-c", "test", "-s", "rack 7"}) == "rack 7\n");
    CHECK(aoecfg({"-c", "test", "-s", "rack"}).empty());
    CHECK(aoecfg({"-c", "prefix", "-s", "rack"}) == "rack 7\n");
    CHECK(aoecfg({"-c", "prefix", "-s", "room"}).empty());
    CHECK_FALSE(contains(aoecfg({"-c", "set", "-s", "other"}), "other")); // refused: error 4
    CHECK(aoecfg({}) == "rack 7\n");
    CHECK(aoecfg({"-c", "fset", "-s", "other"}) == "other\n");
    // Without an address it broadcasts to every shelf and slot, on eth0 unless told otherwise.
    const ToolResult all = scene.run({"aoecfg", "-t", "1", wire});
    CHECK(all.output == "1.1\tother\n");
}

TEST_CASE("aoetools: aoe-sancheck finds a sane path of the full payload", "[aoetools]") {
    if (find_program("aoe-sancheck").empty())
        SKIP_BECAUSE("the program aoe-sancheck (package aoetools) is missing");
    for (const auto& [mtu, payload] : {std::pair(1500u, "1024"), std::pair(9000u, "8192")}) {
        ToolScene scene(mtu);
        const ToolResult result = scene.run({"aoe-sancheck", "-v"});
        CAPTURE(mtu, result.output, result.error);
        CHECK(result.exit_code == 0);
        const std::string line = line_of(result.output, "e1.1");
        CHECK(contains(line, payload));
        CHECK(contains(line, scene.wire.client_end()));
        CHECK_FALSE(contains(result.output, "The path")); // no complaint about the frame size
    }
}
