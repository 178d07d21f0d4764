// Programs that serve volumes through the C interface, as processes on a wire: in C, in Rust, and the
// examples of the README.
#include "host_programs.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/patience.hpp"
#include "support/raw_client.hpp"
#include "support/test_network.hpp"

#include <csignal>

using namespace aoetest;
using Catch::Matchers::Contains;

namespace {

void use_volume(RawClient& client) {
    REQUIRE(client.is_served_soon());
    CHECK(client.read(7, 2) == Bytes(2 * sector_bytes));
    client.write(7, pattern(7, 2));
    CHECK(client.read(6, 1) == Bytes(sector_bytes));
    CHECK(client.read(7, 2) == pattern(7, 2));
    CHECK(client.ask(flush_request()).status() == status_good);
}

/// Runs a host until its volume has been used, and returns what it has said after SIGTERM.
ToolResult serve_with(std::vector<std::string> command) {
    const Patience patience;
    const VethPair& wire = standard_wire();
    command.push_back(wire.target_end());
    ChildProcess host(command);
    RawClient client(wire);
    use_volume(client);
    host.signal(SIGTERM);
    std::optional<int> exit_code;
    // Under valgrind a signal waits until the target has computed for a while: frames make it do so.
    while (!(exit_code = host.wait_for_exit(Milliseconds(50))))
        for (int i = 0; i < 100; ++i)
            client.send(config_request());
    host.collect_output(Milliseconds(100));
    return {*exit_code, host.standard_output(), host.standard_error()};
}

void check_ended_volume(const ToolResult& result) {
    INFO(result.error);
    CHECK(result.exit_code == 0);
    CHECK_THAT(result.output, Contains("writes 1\n"));
    CHECK_THAT(result.output, Contains("made 4 destroyed 4 gone 1\n"));
    CHECK_THAT(result.error, Contains("export-removed: e1.3"));
}

} // namespace

TEST_CASE("a program in C serves volumes, and gets each back once", "[c][host]") {
    check_ended_volume(serve_with({from_environment("C_VOLUME")}));
}

TEST_CASE("a program built with the header of the first release serves", "[c][host]") {
    check_ended_volume(serve_with({from_environment("C_OLD_VOLUME")}));
}

TEST_CASE("a program in C leaves no memory behind, and reads none that nobody wrote", "[c][host]") {
    if (!can_be_loaded_by_others())
        SKIP_BECAUSE("valgrind and a sanitizer exclude each other");
    check_ended_volume(
        serve_with({find_program("valgrind"), "--quiet", "--leak-check=full", "--show-leak-kinds=all",
                    "--errors-for-leak-kinds=all", "--error-exitcode=9", from_environment("C_VOLUME")}));
}

TEST_CASE("a program that leaves SIGPIPE as it is survives an interface that goes", "[c][host]") {
    const Patience patience;
    REQUIRE(std::signal(SIGPIPE, SIG_DFL) != SIG_IGN); // the child inherits it
    const VethPair wire("pipe");
    ChildProcess host({from_environment("C_VOLUME"), wire.target_end()});
    {
        RawClient client(wire);
        use_volume(client);
        for (int i = 0; i < 50; ++i) // answers to these find no interface
            client.send(read_request(0, 2));
    }
    wire.destroy();
    wire.create(1500);
    RawClient client(wire);
    CHECK(client.is_served_soon());
    CHECK(client.read(7, 2) == pattern(7, 2));
    host.signal(SIGTERM);
    CHECK(host.wait_for_exit(Milliseconds(60'000)) == 0);
}

TEST_CASE("a program in C needs no C++ library", "[c][host]") {
    if (!can_be_loaded_by_others())
        SKIP_BECAUSE("a sanitizer brings one");
    const ToolResult needs = run_tool({find_program("readelf"), "-d", from_environment("C_VOLUME")});
    CHECK_THAT(needs.output, Contains("[libaoetarget-c.so.1]"));
    CHECK_THAT(needs.output, !Contains("libstdc++") && !Contains("libaoetarget.so"));
}

TEST_CASE("the README's example in C serves", "[c][host]") {
    CHECK(serve_with({from_environment("README_C")}).exit_code == 128 + SIGTERM);
}

TEST_CASE("the README's example in C tells why it cannot", "[c][host]") {
    enter_test_network();
    const ToolResult result = run_tool({from_environment("README_C"), "nowhere"});
    CHECK(result.exit_code == 1);
    CHECK_THAT(result.error, Contains("nowhere"));
}

TEST_CASE("the README's example in Python serves", "[c][host]") {
    if (!can_be_loaded_by_others())
        SKIP_BECAUSE("Python has no sanitizer");
    CHECK(serve_with({find_program("python3"), from_environment("README_PYTHON")}).exit_code ==
          128 + SIGTERM);
}

TEST_CASE("a program in Rust serves, with bindings that bindgen made", "[c][host]") {
    const std::string program = from_environment("RUST_VOLUME");
    if (program.empty())
        SKIP_BECAUSE("there is no rustc or no bindgen, or a sanitizer with which Rust cannot be linked");
    CHECK(serve_with({program}).exit_code == 128 + SIGTERM);
}
