// The command line as a contract: exit codes, one clear line on standard error, help, version, and the
// refusals of `serve`.
#include "catch.hpp"
#include "check.hpp"
#include "scene.hpp"

#include <algorithm>
#include <csignal>

#include <fcntl.h>
#include <unistd.h>

using namespace aoetest;

namespace {

// What people read goes to standard error, one line; what programs read goes to standard output, nothing.
void check_refusal(const std::vector<std::string>& words, int exit_code, const std::string& names = {}) {
    std::string command;
    for (const std::string& word : words)
        command += " " + word;
    const ToolResult result = run_target(words);
    CAPTURE(command, result.output, result.error);
    CHECK(result.exit_code == exit_code);
    CHECK(is_one_line(result.error));
    CHECK(result.output.empty());
    CHECK(contains(result.error, names));
}

} // namespace

TEST_CASE("--version prints the name and version on standard output", "[cli]") {
    const ToolResult result = run_target({"--version"});
    CHECK(result.exit_code == 0);
    CHECK(is_one_line(result.output));
    CHECK(contains(result.output, "aoetarget"));
    CHECK(
        std::any_of(result.output.begin(), result.output.end(), [](char c) { return c >= '0' && c <= '9'; }));
    CHECK(result.error.empty());
}

TEST_CASE("--help and the help of each command print usage on standard output", "[cli]") {
    const std::pair<std::vector<std::string>, std::vector<std::string>> table[] = {
        {{"--help"}, {"serve", "discover", "probe", "vblade"}},
        {{"serve", "--help"},
         {"-i", "-e", "read-only", "durability", "cache", "offset", "length", "serial", "force"}},
        {{"discover", "--help"}, {"-i", "--timeout", "--json"}},
        {{"probe", "--help"}, {"-i", "SHELF.SLOT", "--json", "exit code"}},
        {{"vblade", "--help"}, {"-b", "-d", "-s", "-r", "-m", "-o", "-l"}},
    };
    for (const auto& [words, mentioned] : table) {
        const ToolResult result = run_target(words);
        CAPTURE(words.front(), result.output, result.error);
        CHECK(result.exit_code == 0);
        CHECK(result.error.empty());
        for (const std::string& word : mentioned) {
            CAPTURE(word);
            CHECK(contains(result.output, word));
        }
    }
}

TEST_CASE("a bad command line ends with 2 and one line that names what is wrong", "[cli]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const std::string& interface = wire.target_end();
    const auto serve = [&](const std::string& export_text) {
        return std::vector<std::string>{"serve", "--control", "none", "-i", interface, "-e", export_text};
    };
    const auto with = [&](const std::string& options) {
        return serve("1.1=" + image.path() + "," + options);
    };
    struct Case {
        std::vector<std::string> words;
        const char* names;
    };
    const Case table[] = {
        {{}, ""},
        {{"frobnicate"}, "frobnicate"},
        {{"--frobnicate"}, "--frobnicate"},
        {{"serve"}, ""},
        {{"serve", "-i", interface}, "-e"},
        {{"serve", "-e", "1.1=" + image.path()}, "-i"},
        {{"serve", "-i", interface, "-e", "1.1=" + image.path(), "--bogus"}, "--bogus"},
        {{"serve", "-i", interface, "-e", "1.1=" + image.path(), "stray"}, "stray"},
        {{"serve", "-i"}, "-i"},
        {serve("1.1"), "1.1"},
        {serve("1.1="), "1.1="},
        {serve("1=" + image.path()), "1="},
        {serve("a.b=" + image.path()), "a.b"},
        {serve("-1.1=" + image.path()), "-1.1"},
        {serve("65535.1=" + image.path()), "65535"},
        {serve("1.255=" + image.path()), "255"},
        {serve("1.256=" + image.path()), "256"},
        {serve("99999999999.1=" + image.path()), "99999999999"},
        {serve(""), ""},
        {with("bogus"), "bogus"},
        {with("read-only=yes"), "read-only"},
        {with("durability"), "durability"},
        {with("durability=maybe"), "maybe"},
        {with("cache=none"), "none"},
        {with("offset"), "offset"},
        {with("offset="), "offset"},
        {with("offset=x"), "x"},
        {with("offset=-1k"), "-1k"},
        {with("offset=100"), "100"}, // not a whole sector
        {with("length=1Q"), "1Q"},
        {with("length=0"), "length"},
        {with("length=99999999999999999999s"), "99999999999999999999s"},
        {with("serial="), "serial"},
        {with("serial=ABCDEFGHIJKLMNOPQRSTU"), "serial"}, // 21 characters
        {{"serve", "-i", interface, "-e", "1.1=" + image.path(), "-e", "1.1=" + image.path()}, "1.1"},
        {{"discover"}, "-i"},
        {{"discover", "-i", interface, "--timeout", "soon"}, "soon"},
        {{"discover", "-i", interface, "--timeout", "-1"}, "-1"},
        {{"probe", "-i", interface}, "SHELF.SLOT"},
        {{"probe", "1.1"}, "-i"},
        {{"probe", "-i", interface, "65535.255"}, "65535.255"},
        {{"vblade"}, ""},
        {{"vblade", "1", "1", interface}, ""},
        {{"vblade", "x", "1", interface, image.path()}, "x"},
        {{"vblade", "1", "255", interface, image.path()}, "255"},
        {{"vblade", "-m", "nonsense", "1", "1", interface, image.path()}, "nonsense"},
        {{"vblade", "-b", "0", "1", "1", interface, image.path()},
         "-b"}, // 0 and 1 stall Linux (lib/protocol/README.md, "Buffer count")
        {{"vblade", "-b", "1", "1", "1", interface, image.path()}, "-b"},
        {{"vblade", "-o", "-5", "1", "1", interface, image.path()}, "-5"},
    };
    for (const Case& row : table)
        check_refusal(row.words, 2, row.names);
}

TEST_CASE("an interface that does not exist or cannot carry AoE ends with 1 and its name", "[cli]") {
    const ImageFile image(64);
    const std::string disk = export_argument(1, 1, image.path());
    check_refusal({"serve", "--control", "none", "-i", "nosuch0", "-e", disk}, 5, "nosuch0");
    check_refusal({"vblade", "1", "1", "nosuch0", image.path()}, 5, "nosuch0");
    check_refusal({"discover", "-i", "nosuch0"}, 5, "nosuch0");
    check_refusal({"serve", "--control", "none", "-i", std::string(128, 'x'), "-e", disk}, 2,
                  "xxxx"); // no interface can have this name
    const VethPair& wire = standard_wire();
    set_mtu(wire.target_end(),
            300); // lib/protocol/README.md, "Sectors in a frame": below 534 it cannot carry a sector
    check_refusal({"serve", "--control", "none", "-i", wire.target_end(), "-e", disk}, 1, wire.target_end());
    set_mtu(wire.target_end(), 1500);
}

TEST_CASE("a file that cannot be exported ends with 1 and its path", "[cli]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const auto refused = [&](const std::string& path, const std::string& options = {}) {
        check_refusal({"serve", "--control", "none", "-i", wire.target_end(), "-e",
                       export_argument(1, 1, path, options)},
                      1, path);
    };
    refused("/nonexistent/disk.img");
    refused("/"); // a folder
    refused("/dev/null");
    const ImageFile tiny(0);
    refused(tiny.path());
    tiny.resize_bytes(511);
    refused(tiny.path());
    refused(image.path(), "offset=64s");
    refused(image.path(), "offset=1G");
    refused(image.path(), "length=65s");
    refused(image.path(), "offset=60s,length=5s");
    check_refusal({"vblade", "1", "1", wire.target_end(), "/nonexistent/disk.img"}, 1,
                  "/nonexistent/disk.img");
}

TEST_CASE("all exports and interfaces that cannot be opened are told at once", "[cli]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const auto serve = [&](const std::vector<std::string>& interfaces,
                           const std::vector<std::string>& exports) {
        std::vector<std::string> words{"serve", "--control", "none"};
        for (const std::string& interface : interfaces)
            words.insert(words.end(), {"-i", interface});
        for (const std::string& exported : exports)
            words.insert(words.end(), {"-e", exported});
        return run_target(words);
    };
    const std::string absent = "/nonexistent/disk.img";
    const ToolResult all =
        serve({wire.target_end(), "nosuch0", "nosuch1"},
              {export_argument(1, 1, image.path()), "1.2=" + absent, "1.3=/", "1.4=" + absent});
    CAPTURE(all.error);
    CHECK(all.exit_code == 1);
    CHECK(std::count(all.error.begin(), all.error.end(), '\n') == 5);
    for (const char* line : {"error: e1.2: ", "error: e1.3: ", "error: e1.4: ", "error: interface nosuch0: ",
                             "error: interface nosuch1: "})
        CHECK(contains(all.error, line));
    const ToolResult interfaces =
        serve({wire.target_end(), "nosuch0", "nosuch1"}, {export_argument(1, 1, image.path())});
    CAPTURE(interfaces.error);
    CHECK(interfaces.exit_code == 5); // which both have in common
    CHECK(std::count(interfaces.error.begin(), interfaces.error.end(), '\n') == 2);
}

TEST_CASE("two exports of one file end with 3, as an invalid configuration does", "[cli]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    check_refusal({"serve", "--control", "none", "-i", wire.target_end(), "-e",
                   export_argument(1, 1, image.path()), "-e", export_argument(1, 2, image.path())},
                  3, "both take the same part");
}

TEST_CASE("the cause that the system gives stands before the cure", "[cli]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const std::string cause = "cannot make the directory of the control socket: Not a directory; choose";
    const std::string folder = image.path() + "/folder"; // in a file
    std::vector<std::string> words{"serve", "-i", wire.target_end(), "-e",
                                   export_argument(1, 1, image.path())};
    enter_test_network();
    std::vector<std::string> command{"/usr/bin/env", "RUNTIME_DIRECTORY=" + folder, target_program()};
    command.insert(command.end(), words.begin(), words.end());
    RawClient client(wire);
    ChildProcess target(command); // it serves, because nobody has asked for the socket
    CHECK(client.is_served_soon());
    const bool is_told = client.wait_until([&] {
        target.collect_output(Milliseconds(10));
        return contains(target.standard_error(), cause);
    });
    CAPTURE(target.standard_error());
    CHECK(is_told);
    target.signal(SIGTERM);
    CHECK(target.wait_for_exit(Milliseconds(60000)) == 0);
    words.insert(words.end(), {"--control", folder + "/a.sock"});
    check_refusal(words, 1, cause);
}

TEST_CASE("a file that another target serves is refused, unless both only read", "[cli]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    const std::string writable = export_argument(1, 2, image.path());
    {
        const TargetProcess first({wire.target_end()}, {export_argument(1, 1, image.path())});
        check_refusal({"serve", "--control", "none", "-i", wire.target_end(), "-e", writable}, 1,
                      image.path());
    }
    {
        const TargetProcess first({wire.target_end()}, {export_argument(1, 1, image.path(), "read-only")});
        const TargetProcess second({wire.target_end()}, {export_argument(1, 2, image.path(), "read-only")});
        CHECK(client.ask(read_request(0, 1)).succeeded());
        CHECK(client.ask(read_request(0, 1).to(1, 2)).succeeded());
    }
    const TargetProcess again({wire.target_end()}, {export_argument(1, 1, image.path())}); // free again
    CHECK(client.ask(read_request(0, 1)).succeeded());
}

TEST_CASE("a block device that is in use is refused", "[cli]") {
    const VethPair& wire = standard_wire();
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    const ImageFile image(64);
    const LoopDevice loop(image.path());
    const int holder =
        ::open(loop.path().c_str(), O_RDWR | O_EXCL | O_CLOEXEC); // as a mounted file system would
    REQUIRE(holder >= 0);
    check_refusal(
        {"serve", "--control", "none", "-i", wire.target_end(), "-e", export_argument(1, 1, loop.path())}, 1,
        loop.path());
    {
        RawClient client(wire);
        const TargetProcess target({wire.target_end()}, {export_argument(1, 1, loop.path(), "force")});
        CHECK(client.read(0, 1) == pattern(0, 1)); // the operator insists
    }
    ::close(holder);
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, loop.path())});
    CHECK(::open(loop.path().c_str(), O_RDWR | O_EXCL | O_CLOEXEC) < 0); // and is now in use itself
}

TEST_CASE("without CAP_NET_RAW it ends with 4 and says so", "[cli]") {
    const VethPair& wire = standard_wire();
    const std::string setpriv = find_program("setpriv");
    if (setpriv.empty())
        SKIP_BECAUSE("the program setpriv (package util-linux) is missing");
    const ImageFile image(64);
    const std::vector<std::string> drop{setpriv, "--bounding-set=-net_raw", "--inh-caps=-net_raw",
                                        target_program()};
    const auto run = [&](std::vector<std::string> words) {
        words.insert(words.begin(), drop.begin(), drop.end());
        return run_tool(words);
    };
    for (const ToolResult& result : {run({"serve", "--control", "none", "-i", wire.target_end(), "-e",
                                          export_argument(1, 1, image.path())}),
                                     run({"vblade", "1", "1", wire.target_end(), image.path()}),
                                     run({"discover", "-i", wire.client_end()})}) {
        CAPTURE(result.error);
        CHECK(result.exit_code == 4);
        CHECK(is_one_line(result.error));
        CHECK(contains(result.error, "CAP_NET_RAW"));
        CHECK(contains(result.error, ": Operation not permitted; "));
    }
}
