// A target that is asked over its control socket.
#include "catch.hpp"
#include "changed_target.hpp"
#include "json_check.hpp"

#include <filesystem>
#include <memory>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace aoetest;

namespace {

/// A program that is connected to a control socket, and does what it likes.
class Peer {
  public:
    explicit Peer(const std::string& path) : fd_(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
            abort_test("cannot connect to " + path);
        fcntl(fd_, F_SETFL, O_NONBLOCK);
    }
    ~Peer() { close(fd_); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    [[nodiscard]] int fd() const { return fd_; }

  private:
    int fd_;
};

} // namespace

TEST_CASE("status shows the interfaces and exports of a confined target, and what they have done",
          "[control]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(8192); // 4 MiB
    ControlledTarget target({wire.target_end()}, {export_argument(7, 3, image.path(), "serial=LAB-0042")},
                            {"--name", "lab"});
    RawClient client(wire);
    client.ask(read_request(0, 2).to(7, 3));
    const ToolResult result = target.run({"status"});
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    CHECK(result.error.empty());
    for (const std::string& part :
         {std::string("target lab: version "), std::to_string(target.process().pid()), wire.target_end(),
          std::string("e7.3"), std::string("4 MiB"), std::string("LAB-0042"), image.path()})
        CHECK(contains(result.output, part));
    const ToolResult json = target.run({"status", "--json"});
    CHECK(json.exit_code == 0);
    CHECK(is_json(json.output));
    for (const std::string& part : {std::string("\"address\": \"e7.3\""), std::string("\"reads\": 1,"),
                                    std::string("\"bytes-read\": 1024,"), std::string("\"size\": 4194304,"),
                                    "\"path\": \"" + image.path() + "\"", std::string("\"read-only\": false"),
                                    std::string("\"durability\": \"stable\""), std::string("\"options\": {")})
        CHECK(contains(json.output, part));
}

TEST_CASE("status has every export of many, and the figures of all threads", "[control]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    std::vector<std::string> exports;
    for (unsigned slot = 0; slot < 255; ++slot) // more than an answer carries
        exports.push_back(export_argument(1, slot, image.path(), "read-only"));
    const ControlledTarget target({wire.target_end()}, exports, {"--threads", "3"});
    RawClient client(wire);
    for (unsigned slot = 0; slot < 255; ++slot)
        client.ask(read_request(0, 2).to(1, static_cast<std::uint8_t>(slot)));
    const ToolResult result = target.run({"status", "--json"});
    CHECK(result.exit_code == 0);
    for (unsigned slot = 0; slot < 255; ++slot)
        CHECK(contains(result.output, "\"address\": \"e1." + std::to_string(slot) + "\""));
    std::size_t reads = 0;
    for (std::size_t at = result.output.find("\"reads\": 1,"); at != std::string::npos;
         at = result.output.find("\"reads\": 1,", at + 1))
        ++reads;
    CHECK(reads == 255);
}

TEST_CASE("stop ends a target in good order, and returns when it has ended", "[control]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    ControlledTarget target({wire.target_end()}, {export_argument(1, 1, image.path())});
    target.process().expect_exit();
    const ToolResult stopped = target.run({"stop"});
    CHECK(stopped.exit_code == 0);
    CHECK(target.process().wait_for_exit(Milliseconds(60000)) == 0);
    const ToolResult again = target.run({"stop"});
    CHECK(again.exit_code == 5);
    CHECK(contains(again.error, "no target runs with the control socket " + target.socket()));
}

TEST_CASE("a target ends in good order although nobody waits for its answer", "[control]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    ControlledTarget target({wire.target_end()}, {export_argument(1, 1, image.path())});
    target.process().expect_exit();
    {
        const Peer peer(target.socket());
        const std::string request = R"({"version":1,"do":"stop"})";
        REQUIRE(send(peer.fd(), request.data(), request.size(), MSG_NOSIGNAL) > 0);
    }
    CHECK(target.process().wait_for_exit(Milliseconds(60000)) == 0);
}

TEST_CASE("a user other than root controls his own target", "[control]") {
    if (!has_real_root())
        SKIP_BECAUSE("to become another user needs real root");
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const ScratchFolder folder;
    constexpr uid_t user = 64123;
    REQUIRE(::chown(image.path().c_str(), user, user) == 0);
    REQUIRE(::chown(folder.path().c_str(), user, user) == 0);
    const std::string socket = folder.path() + "/user.sock";
    const auto asks = [&](std::vector<std::string> words) {
        words.insert(words.begin(), target_program());
        words.insert(words.end(), {"--control", socket});
        const std::vector<std::string> before = as_user(user);
        words.insert(words.begin(), before.begin(), before.end());
        return words;
    };
    enter_test_network();
    ChildProcess target(
        asks({"serve", "-i", wire.target_end() + ",link=packet", "-e", export_argument(1, 1, image.path())}));
    RawClient client(wire);
    REQUIRE(client.wait_until([&] {
        target.collect_output(Milliseconds(10));
        return contains(target.standard_error(), "capabilities: ");
    }));
    const ToolResult status = run_tool(asks({"status"}), Milliseconds(60000));
    CAPTURE(status.error);
    CHECK(status.exit_code == 0);
    CHECK(contains(status.output, "e1.1"));
    CHECK(run_tool(asks({"stop"}), Milliseconds(60000)).exit_code == 0);
    CHECK(target.wait_for_exit(Milliseconds(60000)) == 0);
}

TEST_CASE("a file that is no socket stays as it is", "[control]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const ScratchFolder folder;
    const std::string file = folder.write("precious", "precious");
    const ToolResult result = run_target(
        {"serve", "-i", wire.target_end(), "-e", export_argument(1, 1, image.path()), "--control", file});
    CHECK(result.exit_code == 1);
    CHECK(contains(result.error, file + ": this is no socket"));
    const ToolResult checked = run_target({"check", "--offline", "-i", wire.target_end(), "-e",
                                           export_argument(1, 1, image.path()), "--control", file});
    CHECK(checked.exit_code == 3);
    CHECK(contains(checked.output, file + ": this is no socket"));
    CHECK(std::filesystem::file_size(file) == 8);
}

TEST_CASE(
    "a reload that needs more open files than connections may have is refused, and a smaller one is not",
    "[control]") {
    const VethPair& wire = standard_wire();
    const std::string prlimit = find_program("prlimit");
    REQUIRE_FALSE(prlimit.empty());
    const ScratchFolder folder;
    const std::string socket = folder.path() + "/small.sock";
    std::vector<std::unique_ptr<ImageFile>> images;
    const auto serve_up_to = [&](unsigned slots) {
        std::string text = entry_text(wire);
        while (images.size() < slots)
            images.push_back(std::make_unique<ImageFile>(64));
        for (unsigned slot = 0; slot < slots; ++slot)
            text += export_text("1." + std::to_string(slot), *images[slot]);
        return folder.write("target.toml", text);
    };
    const std::string file = serve_up_to(1);
    enter_test_network();
    ChildProcess target(
        {prlimit, "--nofile=200", target_program(), "serve", "-c", file, "--control", socket});
    RawClient client(wire);
    REQUIRE(client.wait_until([&] {
        target.collect_output(Milliseconds(10));
        return contains(target.standard_error(), "capabilities: ");
    }));
    const auto reload = [&] { return run_target({"reload", "--control", socket}, Milliseconds(60000)); };
    serve_up_to(60); // with two open files each, and 100 may wait
    const ToolResult refused = reload();
    CAPTURE(refused.error);
    CHECK(refused.exit_code == 1);
    CHECK(contains(refused.error, "may be at most 100 "));
    serve_up_to(40);
    const ToolResult result = reload();
    CAPTURE(result.error);
    CHECK(result.exit_code == 0);
    CHECK(client.ask(read_request(0, 2).to(1, 39)).succeeded());
}

TEST_CASE("a second target with the control socket of a living one does not start", "[control]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const ControlledTarget target({wire.target_end()}, {export_argument(1, 1, image.path())});
    const ToolResult second =
        target.run({"serve", "-i", wire.target_end(), "-e", export_argument(1, 2, image.path())});
    CHECK(second.exit_code == 1);
    CHECK(contains(second.error, "a target runs with this control socket"));
    CHECK(contains(second.error, "--name"));
    CHECK(target.run({"status"}).exit_code == 0);
}

TEST_CASE("the load of an initiator does not notice a peer that floods the control socket", "[control]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(8192);
    const ControlledTarget target({wire.target_end()}, {export_argument(1, 1, image.path())});
    const Peer peer(target.socket());
    RawClient client(wire);
    const std::string nested(200 * 1024, '[');
    for (unsigned i = 0; i < 2000; ++i) {
        // What the socket does not take it need not: it is full at all times.
        static_cast<void>(send(peer.fd(), nested.data(), nested.size(), MSG_NOSIGNAL));
        CHECK(client.ask(read_request(i % 4096, 2)).tag() != 0);
    }
    CHECK(target.run({"status"}).exit_code == 0);
}

TEST_CASE("programs that are connected and idle do not keep others out", "[control]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const ControlledTarget target({wire.target_end()}, {export_argument(1, 1, image.path())});
    std::vector<std::unique_ptr<Peer>> idle;
    for (int i = 0; i < 64; ++i)
        idle.push_back(std::make_unique<Peer>(target.socket()));
    for (int i = 0; i < 3; ++i)
        CHECK(target.run({"status"}).exit_code == 0);
}

TEST_CASE("config and reload work with more exports than a packet has room for", "[control]") {
    const VethPair& wire = standard_wire();
    const ScratchFolder folder;
    constexpr unsigned count = 1200; // with long names
    const ImageFile image(64);
    const std::string long_name(200, 'n');
    const auto text_of = [&](const std::string& options) {
        std::string text = "[[interface]]\nname = \"" + wire.target_end() + "\"\nlink = \"packet\"\n";
        for (unsigned i = 0; i < count; ++i)
            text += "\n[[export]]\naddress = \"" + std::to_string(i / 200) + "." + std::to_string(i % 200) +
                    "\"\npath = \"" + folder.path() + "/" + long_name +
                    "\"\nread-only = true\nserial = \"S\"\n" + options;
        return text;
    };
    std::filesystem::rename(image.path(), folder.path() + "/" + long_name);
    const std::string file = folder.write("many.toml", text_of(""));
    const ControlledTarget target({}, {}, {"-c", file});
    const ToolResult before = target.run({"config"});
    CAPTURE(before.error);
    CHECK(before.output == text_of(""));
    folder.write("many.toml", text_of("fixed = true\n"));
    const ToolResult reloaded = target.run({"reload"});
    CAPTURE(reloaded.error);
    CHECK(reloaded.exit_code == 0);
    CHECK(target.run({"config"}).output == text_of("fixed = true\n"));
    CHECK(target.run({"status", "--json"}).exit_code == 0);
}

TEST_CASE("an export whose path is not UTF-8 is shown, and reloaded from what was printed", "[control]") {
    const VethPair& wire = standard_wire();
    const ScratchFolder folder;
    const ImageFile image(64);
    const std::string path = folder.path() + "/disk-\xE9.img";
    std::filesystem::rename(image.path(), path);
    RawClient client(wire);
    const ControlledTarget target({wire.target_end()}, {export_argument(1, 1, path)});
    const std::string notation = "file:" + folder.path() + "/disk-%E9.img";
    const ToolResult printed = target.run({"config"});
    CAPTURE(printed.output, printed.error);
    CHECK(contains(printed.output, "path = \"" + notation + "\""));
    CHECK(contains(target.run({"config", "--json"}).output, "\"path\": \"" + notation + "\""));
    CHECK(contains(target.run({"status"}).output, notation));
    const std::string file = folder.write("again.toml", printed.output);
    CHECK(target.run({"reload", "-c", file}).exit_code == 0); // it is the same
    CHECK(target.run({"reopen", "1.1"}).exit_code == 0);
    CHECK(client.read(3, 1) == pattern(3, 1));
}

TEST_CASE("commands that need a control socket say so if there shall be none", "[control]") {
    for (const char* verb : {"status", "config", "reload", "stop"}) {
        const ToolResult result = run_target({verb, "--control", "none"});
        CHECK(result.exit_code == 2);
        CHECK(contains(result.error, "--control none is for 'aoetarget serve'"));
    }
}

TEST_CASE("whoever adds an export learns that its damaged state was set aside, and so does the log",
          "[control]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64);
    const ScratchFolder state;
    state.write("e1.2.state", "damaged");
    ControlledTarget target({wire.target_end()}, {export_argument(1, 1, image.path())},
                            {"--state-dir", state.path()});
    RawClient client(wire);
    const ToolResult added = target.run({"add", "-e", export_argument(1, 2, other.path())});
    CAPTURE(added.error);
    CHECK(added.exit_code == 0);
    CHECK(contains(added.error, "note: e1.2: "));
    CHECK(contains(added.error, "e1.2.state"));
    CHECK(client.wait_until([&] { return contains(target.process().log(), "warning: e1.2: "); }));
}
