// A target under a service manager: what it is told, sd_notify(3).
#include "catch.hpp"
#include "scene.hpp"

#include <csignal>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace aoetest;

namespace {

/// The socket of a service manager.
class Manager {
  public:
    Manager() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path().copy(address.sun_path, sizeof address.sun_path - 1);
        if (bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
            abort_test("cannot bind " + path());
    }
    ~Manager() { close(fd_); }
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;

    [[nodiscard]] std::string path() const { return folder_.path() + "/notify"; }
    [[nodiscard]] std::string folder() const { return folder_.path(); }
    /// Returns all that has been told by now.
    const std::string& told() {
        std::string text(4096, '\0');
        for (;;) {
            const ssize_t bytes = recv(fd_, text.data(), text.size(), 0);
            if (bytes < 0)
                return told_;
            told_ += text.substr(0, static_cast<std::size_t>(bytes)) + "\n";
        }
    }

  private:
    ScratchFolder folder_;
    int fd_;
    std::string told_;
};

} // namespace

TEST_CASE(
    "a service manager is told that the target is ready, what it serves, that it lives, and that it stops",
    "[service]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64);
    Manager manager;
    RawClient client(wire);
    const std::string socket = manager.folder() + "/target.sock";
    enter_test_network();
    ChildProcess target({"/usr/bin/env", "NOTIFY_SOCKET=" + manager.path(), "WATCHDOG_USEC=100000",
                         target_program(), "serve", "-i", wire.target_end() + ",link=packet", "-e",
                         export_argument(1, 1, image.path()), "--control", socket});
    const auto told = [&](const std::string& what) {
        return client.wait_until([&] { return contains(manager.told(), what); }, Milliseconds(30000));
    };
    CHECK(told("READY=1\nSTATUS=Serving 1 export on 1 interface.\n"));
    CHECK(told("WATCHDOG=1\nWATCHDOG=1\n"));
    CHECK(run_target({"add", "-e", export_argument(1, 2, other.path()), "--control", socket}).exit_code == 0);
    CHECK(told("STATUS=Serving 2 exports on 1 interface.\n"));
    CHECK_FALSE(contains(manager.told(), "STOPPING=1"));
    target.signal(SIGHUP); // which is for a reload
    CHECK(client.is_served_soon());
    CHECK_FALSE(target.wait_for_exit(Milliseconds(100)));
    target.signal(SIGTERM);
    CHECK(told("STOPPING=1\n"));
    CHECK(target.wait_for_exit(Milliseconds(10000)) == 0);
}

TEST_CASE("the commands of the units find each other by the folder that systemd makes", "[service]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64);
    const ScratchFolder runtime, state;
    const auto text = [](const std::string& address, const ImageFile& file) {
        return "[[export]]\naddress = \"" + address + "\"\npath = \"" + file.path() + "\"\n";
    };
    const std::string own =
        "[[interface]]\nname = \"" + wire.target_end() + "\"\nlink = \"packet\"\n" + text("1.1", image);
    const std::string file = runtime.write("lab.toml", own);
    const auto in_unit = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {"/usr/bin/env", "RUNTIME_DIRECTORY=" + runtime.path(),
                                     "STATE_DIRECTORY=" + state.path(), target_program()});
        return words;
    };
    RawClient client(wire);
    enter_test_network();
    ChildProcess target(in_unit({"serve", "--name", "lab", "-c", file}));
    REQUIRE(client.is_served_soon());
    runtime.write("lab.toml", own + text("1.2", other));
    const ToolResult reloaded = run_tool(in_unit({"reload", "--name", "lab"}), Milliseconds(60000));
    CAPTURE(reloaded.error);
    CHECK(reloaded.exit_code == 0);
    CHECK(client.ask(read_request(3, 1).to(1, 2)).data() == pattern(3, 1));
    CHECK(run_tool(in_unit({"stop", "--name", "lab"}), Milliseconds(60000)).exit_code == 0);
    CHECK(target.wait_for_exit(Milliseconds(10000)) == 0);
}
