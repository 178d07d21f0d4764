// A target that is changed while it serves, by commands that are not confined.
#include "catch.hpp"
#include "changed_target.hpp"

#include <csignal>
#include <filesystem>

#include <fcntl.h>

using namespace aoetest;

TEST_CASE("an export comes and goes by add and remove, and a host's name may stand in its list", "[change]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64), third(64);
    RawClient client(wire);
    const Mac stranger = numbered_mac(2);
    Changed changed("[hosts]\nlab = \"" + client.mac().text() + "\"\n" + entry_text(wire) +
                    export_text("1.1", image));
    client.expect_silence(read_request(3, 1).to(1, 2));
    const ToolResult added = changed.run({"add", "-e", export_argument(1, 2, other.path(), "allow=lab")});
    CAPTURE(added.error);
    CHECK(added.exit_code == 0);
    CHECK(client.ask(read_request(3, 1).to(1, 2)).data() == pattern(3, 1));
    client.expect_silence(read_request(3, 1).to(1, 2).from(stranger));
    CHECK(client.ask(write_request(5, pattern(5, 1, 9)).to(1, 2)).succeeded());

    const ToolResult twice = changed.run({"add", "-e", export_argument(1, 2, third.path())});
    CHECK(twice.exit_code == 3);
    CHECK(contains(twice.error, "e1.2"));
    const ToolResult rival = changed.run({"add", "-e", export_argument(1, 3, image.path())});
    CHECK(rival.exit_code == 3);
    CHECK(contains(rival.error, image.path()));

    CHECK(changed.run({"remove", "-e", "1.2"}).exit_code == 0);
    client.expect_silence(read_request(3, 1).to(1, 2));
    CHECK(other.read(5, 1) == pattern(5, 1, 9));
    const ToolResult gone = changed.run({"remove", "-e", "1.2"});
    CHECK(gone.exit_code == 5);
    CHECK(contains(gone.error, "there is no export e1.2"));
    CHECK(changed.run({"add", "-e", export_argument(1, 2, other.path())}).exit_code == 0); // it is free
    CHECK(client.ask(read_request(5, 1).to(1, 2)).data() == pattern(5, 1, 9));
}

TEST_CASE("an interface comes and goes by add and remove", "[change]") {
    const VethPair& wire = standard_wire();
    const VethPair other("change2");
    const ImageFile image(64);
    Changed changed(entry_text(wire) + export_text("1.1", image));
    RawClient client(other);
    const auto is_silent = [&] {
        return !client.wait_for(client.send(read_request(3, 1)), Milliseconds(300));
    };
    CHECK(is_silent());
    const ToolResult added = changed.run({"add", "-i", other.target_end()});
    CAPTURE(added.error);
    CHECK(added.exit_code == 0);
    CHECK(client.read(3, 1) == pattern(3, 1));
    const ToolResult missing = changed.run({"add", "-i", "nosuch0"});
    CHECK(missing.exit_code == 5);
    CHECK(contains(missing.error, "nosuch0"));
    CHECK(changed.run({"remove", "-i", other.target_end()}).exit_code == 0);
    CHECK(is_silent());
    CHECK(changed.run({"remove", "-i", other.target_end()}).exit_code == 5);
    const auto is_told = [&](const std::string& event) {
        return contains(changed.target().log(), other.target_end() + ": " + event);
    };
    CHECK(client.wait_until(
        [&] { return is_told("It is served now.") && is_told("It is served no longer."); }));
}

TEST_CASE("a reload makes what runs like the file, and config prints it", "[change]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), second(64), third(64), replacement(64);
    replacement.write(0, pattern(0, 64, 7));
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image) + export_text("1.2", second),
                    {"--threads", "2"});
    changed.write(entry_text(wire) + export_text("1.1", replacement) +
                  export_text("1.3", third, "read-only = true\n"));
    const ToolResult reloaded = changed.run({"reload"});
    CAPTURE(reloaded.error);
    CHECK(reloaded.exit_code == 0);
    CHECK(client.wait_until([&] { return client.ask(read_request(3, 1)).data() == pattern(3, 1, 7); }));
    client.expect_silence(read_request(3, 1).to(1, 2));
    CHECK(client.ask(read_request(3, 1).to(1, 3)).data() == pattern(3, 1));
    CHECK(changed.config() == "[target]\nthreads = 2\n\n" + entry_text(wire) + "\n" +
                                  export_text("1.1", replacement) + "\n" +
                                  export_text("1.3", third, "read-only = true\n"));
    CHECK(changed.run({"reload"}).exit_code == 0); // nothing to do
}

TEST_CASE("a disk has the same serial number where it is served as config prints it", "[change]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), moved(64);
    RawClient client(wire);
    const auto serial = [&] { return client.identify().text(10, 19); };
    std::string printed, before;
    {
        const Changed changed(entry_text(wire) + export_text("1.1", image));
        before = serial();
        printed = changed.run({"config"}).output;
        const std::string line = "serial = \"";
        REQUIRE(contains(printed, line));
        changed.write(printed);
        CHECK(changed.run({"reload"}).exit_code == 0); // it is the same disk
        std::string other = printed;
        other.insert(other.find(line) + line.size(), "X");
        changed.write(other);
        const ToolResult refused = changed.run({"reload"});
        CHECK(refused.exit_code == 1);
        CHECK(contains(refused.error, "serial number"));
        changed.write(entry_text(wire) + export_text("1.1", image));
        CHECK(changed.run({"reload"}).exit_code == 0); // nothing is said about it
        CHECK(serial() == before);
    }
    printed.replace(printed.find(image.path()), image.path().size(), moved.path());
    const Changed again(printed);
    CHECK(client.wait_until([&] { return serial() == before; }));
}

TEST_CASE("if a part of a reload cannot be done, nothing changes", "[change]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), second(64);
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image));
    const std::string before = changed.config();
    struct Case {
        std::string text, reason;
        int exit_code;
    };
    const Case faults[] = {
        {export_text("1.2", second) + "[[export]]\naddress = \"1.3\"\npath = \"/nonexistent/disk\"\n",
         "/nonexistent/disk", 1},
        {export_text("1.2", second) + "[[interface]]\nname = \"nosuch0\"\n", "nosuch0", 5},
        {export_text("1.2", second) + "[target]\nthreads = 3\n", "threads cannot change", 1},
        {export_text("1.2", second, "durability = \"none\"\n"), "durability cannot be 'none'", 3},
    };
    for (const auto& [text, reason, exit_code] : faults) {
        CAPTURE(text);
        changed.write(entry_text(wire) + export_text("1.1", image, "fixed = true\n") + text);
        const ToolResult result = changed.run({"reload"});
        CAPTURE(result.error);
        CHECK(result.exit_code == exit_code);
        CHECK(contains(result.error, reason));
        CHECK(changed.config() == before);
        client.expect_silence(read_request(3, 1).to(1, 2));
        CHECK_FALSE(client.ask(config_request(ccmd_force, "still free")).is_error());
    }
}

TEST_CASE("a reload opens the disk of an export anew with other options, and nobody notices", "[change]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image));
    const std::string others[] = {"durability = \"volatile\"\n", "cache = \"page\"\n", "trim = \"off\"\n",
                                  ""};
    for (const std::string& options : others) {
        CAPTURE(options);
        changed.write(entry_text(wire) + export_text("1.1", image, options));
        const ToolResult reloaded = changed.run({"reload"});
        CAPTURE(reloaded.error);
        CHECK(reloaded.exit_code == 0);
        CHECK(client.ask(write_request(7, pattern(7, 1, 5))).succeeded());
        CHECK(client.ask(read_request(7, 1)).data() == pattern(7, 1, 5));
    }
    changed.write(entry_text(wire) + "buffers = 9\n" + export_text("1.1", image));
    CHECK(changed.run({"reload"}).exit_code == 0);
    const auto is_told = [&](const std::string& words) {
        return client.wait_until([&] { return contains(changed.target().log(), words); });
    };
    CHECK(is_told("It has other options now: durability: stable -> volatile. [export-swapped]"));
    CHECK(is_told("It has other options now: buffers: none -> 9. [interface-changed]"));
    const ToolResult other = run_target(
        {"serve", "--control", "none", "-i", wire.target_end(), "-e", export_argument(1, 2, image.path())});
    CHECK(other.exit_code == 1); // its lock has been kept
}

TEST_CASE("who adds or changes an interface learns that there is no room for its buffer count", "[change]") {
    const VethPair& wire = standard_wire();
    const VethPair other("other");
    const ImageFile image(64);
    RawClient client(wire), other_client(other);
    const std::string xdp = can_have_xdp() ? "link = \"xdp\"\n" : "";
    const auto entry = [](const VethPair& of, const std::string& options) {
        return "[[interface]]\nname = \"" + of.target_end() + "\"\n" + options;
    };
    const std::string exported = export_text("1.1", image);
    Changed changed(entry(wire, "link = \"packet\"\n") + exported);
    const auto check = [&](const ToolResult& result, const VethPair& of, RawClient& asking) {
        const std::string buffers = std::to_string(asking.ask(config_request()).buffer_count());
        CAPTURE(result.error, buffers);
        CHECK(result.exit_code == 0);
        CHECK(contains(result.error, "note: " + of.target_end() + ": initiators are told buffers=" + buffers +
                                         ", and not as many as the options say: "));
        const std::string status = changed.run({"status", "--json"}).output;
        CAPTURE(status);
        CHECK(contains(status, "\"buffers\": " + buffers + ","));
        CHECK(contains(status, "\"buffers\": 65535"));
        CHECK(contains(status, "\"buffers-bound\": \""));
    };
    check(changed.run({"add", "-i", other.target_end() + ",link=packet,buffers=65535"}), other, other_client);
    changed.write(entry(wire, xdp + "buffers = 65535\n") + exported);
    check(changed.run({"reload"}), wire, client);
    changed.write(entry(wire, xdp + "buffers = 9\n") + exported);
    const ToolResult enough = changed.run({"reload"});
    CHECK(enough.exit_code == 0);
    CHECK(enough.error.empty());
}

TEST_CASE("the target tells that an added export's file has lost its name", "[change]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64);
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image));
    REQUIRE(changed.run({"add", "-e", export_argument(1, 2, other.path())}).exit_code == 0);
    std::filesystem::remove(other.path());
    CHECK(client.wait_until(
        [&] { return contains(changed.target().log(), "e1.2: Its path names no file any more."); }));
}

TEST_CASE("an image that was replaced is served after a reopen", "[change]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), newer(64);
    newer.write(0, pattern(0, 64, 7));
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image));
    CHECK(changed.run({"reopen", "1.1"}).exit_code == 0); // nothing has changed
    CHECK(client.ask(read_request(3, 1)).data() == pattern(3, 1));
    std::filesystem::rename(newer.path(), image.path());
    CHECK(client.ask(read_request(3, 1)).data() == pattern(3, 1));
    const ToolResult reopened = changed.run({"reopen", "1.1"});
    CAPTURE(reopened.error);
    CHECK(reopened.exit_code == 0);
    CHECK(client.wait_until([&] { return client.ask(read_request(3, 1)).data() == pattern(3, 1, 7); }));
    CHECK(changed.run({"reopen", "1.2"}).exit_code == 5);
    std::filesystem::remove(image.path());
    const ToolResult missing = changed.run({"reopen", "1.1"});
    CHECK(missing.exit_code == 1);
    CHECK(contains(missing.error, image.path()));
    CHECK(client.ask(read_request(3, 1)).data() == pattern(3, 1, 7));
}

TEST_CASE("a disk is opened anew, and other parts of it are added, while the target has its exclusive use",
          "[change]") {
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    const VethPair& wire = standard_wire();
    const ImageFile below(64);
    const LoopDevice disk(below.path());
    RawClient client(wire);
    const auto entry = [&](const std::string& options) {
        return entry_text(wire) + "[[export]]\naddress = \"1.1\"\npath = \"" + disk.path() +
               "\"\nlength = 16384\n" + options;
    };
    Changed changed(entry(""));
    const auto succeeds = [&](const std::vector<std::string>& arguments) {
        const ToolResult result = changed.run(arguments);
        CAPTURE(result.error);
        CHECK(result.exit_code == 0);
    };
    succeeds({"reopen", "1.1"});
    CHECK(client.ask(write_request(7, pattern(7, 1, 5))).succeeded());
    changed.write(entry("cache = \"page\"\n"));
    succeeds({"reload"});
    CHECK(client.ask(read_request(7, 1)).data() == pattern(7, 1, 5));
    changed.write(entry(""));
    succeeds({"reload"});

    succeeds({"add", "-e", export_argument(1, 2, disk.path(), "offset=16384")});
    CHECK(client.ask(read_request(0, 1).to(1, 2)).data() == pattern(32, 1));
    succeeds({"remove", "-e", "1.1"});
    const std::string device = disk.path();
    CHECK(open(device.c_str(), O_RDWR | O_EXCL | O_CLOEXEC) < 0); // the one that is left has the disk, too
    // The disk is free of the old export when its last flush has ended.
    CHECK(client.wait_until([&] {
        return changed.run({"add", "-e", export_argument(1, 3, disk.path(), "length=16384,read-only")})
                   .exit_code == 0;
    }));
    CHECK(client.ask(read_request(7, 1).to(1, 3)).data() == pattern(7, 1, 5));
    const ToolResult overlapping = changed.run({"add", "-e", export_argument(1, 4, disk.path(), "force")});
    CHECK(overlapping.exit_code != 0);
}

TEST_CASE("SIGHUP does not end a target with a configuration file, and names the command for a reload",
          "[change]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image));
    changed.target().signal(SIGHUP);
    CHECK(client.wait_until([&] { return contains(changed.target().log(), "'aoetarget reload'"); }));
    CHECK(client.read(3, 1) == pattern(3, 1));
}

TEST_CASE("a file that has grown is served in whole after a resize", "[change]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image));
    image.resize_bytes(128 * 512);
    const ToolResult resized = changed.run({"resize", "1.1"});
    CHECK(resized.exit_code == 0);
    CHECK(resized.output == "e1.1: 64 KiB\n");
    CHECK(client.ask(read_request(127, 1)).data() == Bytes(512));
    CHECK(changed.run({"resize", "--all"}).output == "e1.1: 64 KiB\n");
    CHECK(changed.run({"resize", "2.2"}).exit_code == 5);
    CHECK(changed.run({"resize"}).exit_code == 2);
}

TEST_CASE("a resize tells that a file has shrunk, and looks at the other exports, too", "[change]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), second(64);
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image) + export_text("1.2", second));
    image.resize_bytes(32 * 512);
    second.resize_bytes(128 * 512);
    for (int times = 0; times < 2; ++times) {
        const ToolResult shrunk = changed.run({"resize", "1.1"});
        CAPTURE(shrunk.error);
        CHECK(shrunk.exit_code == 1);
        CHECK(shrunk.output.empty());
        CHECK(contains(shrunk.error, "e1.1: its file or disk is smaller now, 16 KiB; initiators keep the old "
                                     "size, 32 KiB"));
    }
    const ToolResult all = changed.run({"resize", "--all"});
    CHECK(all.exit_code == 1);
    CHECK(all.output == "e1.2: 64 KiB\n");
    CHECK(contains(all.error, "e1.1: "));
    CHECK(client.read(31, 1) == pattern(31, 1));
    image.resize_bytes(0);
    const ToolResult empty = changed.run({"resize", "1.1"});
    CHECK(empty.exit_code == 1);
    CHECK(empty.output.empty());
    CHECK(contains(empty.error, "e1.1: its file or disk is smaller now, 0 bytes; initiators keep the old "
                                "size, 32 KiB"));
    image.resize_bytes(64 * 512);
    CHECK(changed.run({"resize", "1.1"}).exit_code == 0);
}

TEST_CASE("an export that was added is the same disk after a restart, with the state that hosts have set",
          "[change]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64);
    const ScratchFolder state;
    RawClient client(wire);
    const std::string own = entry_text(wire) + export_text("1.1", image);
    const auto identity = [&] { return client.ask(identify_request().to(1, 2)).data(); };
    Bytes added;
    {
        Changed changed(own, {"--state-dir", state.path()});
        for (const char* round : {"first", "second"}) { // what was left behind is read again
            const ToolResult result = changed.run({"add", "-e", export_argument(1, 2, other.path())});
            CAPTURE(round, result.error);
            REQUIRE(result.exit_code == 0);
            client.ask(config_request(ccmd_force, "set").to(1, 2));
            added = identity();
            CHECK(changed.run({"remove", "-e", "1.2"}).exit_code == 0);
        }
    }
    const Changed again(own + export_text("1.2", other), {"--state-dir", state.path()});
    CHECK(identity() == added);
    CHECK(client.ask(config_request().to(1, 2)).config_text() == "set");
}

TEST_CASE("a reload with a disk that is too small changes nothing", "[change]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), second(64), newer(64), small(32);
    newer.write(0, pattern(0, 64, 7));
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image) + export_text("1.2", second));
    changed.write(entry_text(wire) + export_text("1.1", newer) + export_text("1.2", small));
    const ToolResult result = changed.run({"reload"});
    CHECK(result.exit_code == 1);
    CHECK(contains(result.error, "initiators know of 64"));
    CHECK(client.ask(read_request(3, 1)).data() == pattern(3, 1));
    CHECK(contains(changed.config(), image.path()));
}
