// The programs of bench/ that make the figures: the load notices wrong data and silence, and the floor
// answers.
#include "catch.hpp"
#include "scene.hpp"

#include <cstdlib>
#include <optional>

using namespace aoetest;

namespace {

std::string program_of(const char* variable) {
    const char* path = std::getenv(variable);
    REQUIRE(path != nullptr);
    return path;
}

/// The load asks by itself, and a client of the test would take its answers for replies to strangers.
struct LoadScene {
    LoadScene() : target({wire.target_end()}, {export_argument(1, 1, image.path(), "cache=page")}) {}

    const VethPair& wire = standard_wire();
    ImageFile image{2048};
    TargetProcess target;
};

/// A machine that halts for a while makes no request late.
std::vector<std::string> load_command(std::vector<std::string> words) {
    words.insert(words.begin(), {program_of("AOE_LOAD"), "-i", standard_wire().client_end(), "--wait",
                                 "sleep", "--timeout-ms", "5000"});
    return words;
}
ToolResult load(const std::vector<std::string>& words) {
    return run_tool(load_command(words), Milliseconds(20000));
}

} // namespace

TEST_CASE("bench: the load measures as many requests as its options ask for", "[bench]") {
    const LoadScene scene;
    const ToolResult result = load({"-e", "1.1", "--requests", "2000", "--order", "random", "--json"});
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    CHECK(contains(result.output, R"("failed":0)"));
    CHECK(contains(result.output, R"("retransmits":0)"));
}

TEST_CASE("bench: the load finds every acknowledged write again", "[bench]") {
    const LoadScene scene;
    const ToolResult result =
        load({"-e", "1.1", "--requests", "4000", "--order", "mixed", "--op", "mixed", "--verify"});
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    CHECK(contains(result.output, "wrong 0;"));
    CHECK_FALSE(contains(result.output, "sectors verified 0,"));
}

TEST_CASE("bench: a later run with the same seed finds the data that was written", "[bench]") {
    const LoadScene scene;
    const ToolResult written =
        load({"-e", "1.1", "--requests", "1024", "--op", "write", "--verify", "--seed", "7"});
    CAPTURE(written.output, written.error);
    CHECK(written.exit_code == 0);
    scene.image.write(1001, scene.image.read(1000, 1)); // right, but somewhere else
    const ToolResult result = load({"-e", "1.1", "--requests", "1024", "--verify", "--seed", "7"});
    CAPTURE(result.output, result.error);
    CHECK(contains(result.output, "sectors verified 2047, not written by this run 1, wrong 0;"));
}

TEST_CASE("bench: the load notices data that it has not written", "[bench]") {
    const LoadScene scene;
    ChildProcess load(load_command(
        {"-e", "1.1", "--order", "random", "--op", "mixed", "--span", "64", "--verify", "--seconds", "1"}));
    const Bytes other = scene.image.read(0, 1);
    std::optional<int> exit_code;
    while (!exit_code) {
        scene.image.write(33, other);
        exit_code = load.wait_for_exit(Milliseconds(20));
    }
    load.collect_output(Milliseconds(0));
    CAPTURE(load.standard_output(), load.standard_error());
    CHECK(*exit_code == 1);
    CHECK(contains(load.standard_error(), "e1.1 sector 33: write "));
    CHECK_FALSE(contains(load.standard_output(), "wrong 0;"));
}

TEST_CASE("bench: a load that measures nothing fails and says why", "[bench]") {
    const LoadScene scene;
    SECTION("nobody answers") {
        const ToolResult result = load({"-e", "1.2", "--patience-ms", "200"});
        CHECK(result.exit_code == 1);
        CHECK(contains(result.error, "1.2"));
    }
    SECTION("nothing is verified") {
        const ToolResult result = load({"-e", "1.1", "--requests", "100", "--verify"});
        CHECK(result.exit_code == 1);
    }
    SECTION("the arguments are no arguments") {
        const ToolResult result = load({"-e", "1"});
        CHECK(result.exit_code == 2);
    }
}

TEST_CASE("bench: the floor answers every read, over each link", "[bench]") {
    const VethPair& wire = standard_wire();
    const auto [option, link] = GENERATE(values<std::pair<std::string, std::string>>(
        {{"", can_have_xdp() ? "xdp" : "packet"}, {"--packet", "packet"}}));
    std::vector<std::string> command = {program_of("AOE_ANSWER"), "-i", wire.target_end()};
    if (!option.empty())
        command.push_back(option);
    ChildProcess floor(command);
    const ToolResult result = load({"-e", "1.0", "--requests", "2000", "--order", "random", "--json"});
    floor.collect_output(Milliseconds(0));
    CAPTURE(result.output, result.error, floor.standard_error());
    CHECK(result.exit_code == 0);
    CHECK(contains(result.output, R"("failed":0)"));
    CHECK(contains(floor.standard_error(), "aoe-answer: " + link));
}
