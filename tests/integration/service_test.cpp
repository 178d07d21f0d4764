// A target under a service manager: what it is told, sd_notify(3).
#include "catch.hpp"
#include "scene.hpp"

#include <chrono>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <linux/if_packet.h>
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
    client.wait_until([] { return false; },
                      Milliseconds(1500)); // nobody reads, and there is no room any more
    CHECK(run_target({"add", "-e", export_argument(1, 2, other.path()), "--control", socket}).exit_code == 0);
    CHECK(told("STATUS=Serving 2 exports on 1 interface.\n"));
    CHECK_FALSE(contains(manager.told(), "STOPPING=1"));
    target.signal(SIGHUP); // which is for a reload
    CHECK(client.is_served_soon());
    CHECK_FALSE(target.wait_for_exit(Milliseconds(100)));
    target.signal(SIGTERM);
    CHECK(told("STOPPING=1\n"));
    CHECK(target.wait_for_exit(Milliseconds(60000)) == 0);
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
    CHECK(target.wait_for_exit(Milliseconds(60000)) == 0);
}

TEST_CASE("a service manager is told when a reload begins and ends, and whether it succeeds", "[service]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64);
    Manager manager;
    RawClient client(wire);
    const std::string socket = manager.folder() + "/target.sock";
    const ScratchFolder folder;
    const std::string own = "[[interface]]\nname = \"" + wire.target_end() + "\"\nlink = \"packet\"\n";
    const auto exported = [](const std::string& address, const std::string& path) {
        return "[[export]]\naddress = \"" + address + "\"\npath = \"" + path + "\"\n";
    };
    const std::string file = folder.write("target.toml", own + exported("1.1", image.path()));
    enter_test_network();
    ChildProcess target({"/usr/bin/env", "NOTIFY_SOCKET=" + manager.path(), target_program(), "serve", "-c",
                         file, "--control", socket});
    const auto told = [&](const std::string& what) {
        return client.wait_until([&] { return contains(manager.told(), what); }, Milliseconds(30000));
    };
    REQUIRE(told("READY=1\n"));
    folder.write("target.toml", own + exported("1.1", image.path()) + exported("1.2", other.path()));
    CHECK(run_target({"reload", "--control", socket}, Milliseconds(60000)).exit_code == 0);
    CHECK(told("RELOADING=1\nMONOTONIC_USEC="));
    CHECK(told("READY=1\nSTATUS=Serving 2 exports on 1 interface.\n"));
    const std::size_t before = manager.told().size();
    folder.write("target.toml", own + "[[interface]]\nname = \"nosuch0\"\n" + exported("1.1", image.path()) +
                                    exported("1.2", other.path()));
    CHECK(run_target({"reload", "--control", socket}, Milliseconds(60000)).exit_code == 5);
    CHECK(client.wait_until([&] {
        const std::size_t again = manager.told().find("RELOADING=1\n", before);
        return again != std::string::npos &&
               manager.told().find("READY=1\nSTATUS=Serving 2 exports", again) != std::string::npos;
    }));
    target.signal(SIGTERM);
    CHECK(target.wait_for_exit(Milliseconds(60000)) == 0);
}

namespace {

/// Runs a command as a service manager does that opens files for it: descriptor 3 and those after it.
std::vector<std::string> handed(const std::string& names, const std::vector<std::string>& files,
                                std::vector<std::string> command) {
    std::string script = "LISTEN_PID=$$ LISTEN_FDNAMES=" + names +
                         " LISTEN_FDS=" + std::to_string(files.size()) +
                         "; export LISTEN_PID LISTEN_FDS LISTEN_FDNAMES; exec";
    for (std::size_t i = 0; i < files.size(); ++i)
        script += " " + std::to_string(3 + i) + files[i];
    script += "; exec \"$@\"";
    command.insert(command.begin(), {"/bin/bash", "-c", script, "bash"});
    return command;
}

// One that a process inherits that this one starts.
class InheritedSocket {
  public:
    explicit InheritedSocket(int family = AF_PACKET, int type = SOCK_RAW) {
        const int low = socket(family, type, 0);
        fd_ = fcntl(low, F_DUPFD, 64); // the shell gives the low numbers away
        close(low);
        REQUIRE(fd_ >= 0);
    }
    InheritedSocket(InheritedSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    ~InheritedSocket() {
        if (fd_ >= 0)
            close(fd_);
    }
    // As a shell takes it, after the number that it gets.
    std::string redirection() const { return "<&" + std::to_string(fd_); }

  private:
    int fd_;
};

// Waits until the target has told what it serves, or has ended. Returns what it has written.
std::string report_of(ChildProcess& target, RawClient& client) {
    const auto has_reported = [&] {
        target.collect_output(Milliseconds(10));
        return contains(target.standard_error(), "capabilities: ") || !target.is_running();
    };
    CHECK(client.wait_until(has_reported, Milliseconds(30000)));
    return target.standard_error();
}

bool is_without_libsystemd(const std::string& text) {
    return contains(text, "built without libsystemd");
}

} // namespace

TEST_CASE("a file that the service manager has opened is served without the right to open it", "[service]") {
    if (!has_real_root())
        SKIP_BECAUSE("to become another user needs real root");
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64);
    RawClient client(wire);
    enter_test_network();
    std::vector<std::string> words = as_user(64123);
    words.insert(words.end(), {target_program(), "serve", "-i", wire.target_end() + ",link=packet", "-e",
                               export_argument(1, 1, image.path()), "-e",
                               export_argument(1, 2, other.path(), "read-only"), "--control", "none"});
    ChildProcess target(handed("export-1.1:export-1.2", {"<>" + image.path(), "<" + other.path()}, words));
    const std::string log = report_of(target, client);
    if (is_without_libsystemd(log))
        SKIP_BECAUSE("the program was built without libsystemd");
    CAPTURE(log);
    CHECK(client.ask(write_request(5, pattern(5, 1, 9))).succeeded());
    CHECK(image.read(5, 1) == pattern(5, 1, 9));
    CHECK(client.ask(read_request(3, 1).to(1, 2)).data() == pattern(3, 1));
    const ToolResult rival = run_target(
        {"serve", "--control", "none", "-i", wire.target_end(), "-e", export_argument(1, 9, image.path())});
    CHECK(rival.exit_code == 1); // it has the lock
    target.signal(SIGTERM);
    CHECK(target.wait_for_exit(Milliseconds(60000)) == 0);
}

TEST_CASE("a file that the service manager has opened is waited for if it is in use", "[service]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const int file = open(image.path().c_str(), O_RDWR | O_CLOEXEC);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    REQUIRE(fcntl(file, F_OFD_SETLK, &lock) == 0);
    enter_test_network();
    const auto start = std::chrono::steady_clock::now();
    const ToolResult result = run_tool(handed("export-1.1", {"<>" + image.path()},
                                              {target_program(), "serve", "-i", wire.target_end(), "-e",
                                               export_argument(1, 1, image.path()), "--control", "none"}),
                                       Milliseconds(60000));
    close(file);
    if (is_without_libsystemd(result.error))
        SKIP_BECAUSE("the program was built without libsystemd");
    CAPTURE(result.error);
    CHECK(result.exit_code == 1);
    CHECK(contains(result.error, "this part of it is in use by"));
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::seconds(1));
}

TEST_CASE("an interface whose sockets were handed over is served without any capability", "[service]") {
    if (!has_real_root())
        SKIP_BECAUSE("to become another user needs real root");
    const VethPair wire("given");
    const ImageFile image(64);
    for (const unsigned count : {1U, 2U, 3U}) {
        CAPTURE(count);
        std::string names = "export-1.1";
        std::vector<std::string> files = {"<>" + image.path()};
        std::vector<InheritedSocket> sockets(count);
        for (const InheritedSocket& socket : sockets) {
            names += ":interface-" + wire.target_end();
            files.push_back(socket.redirection());
        }
        std::vector<std::string> words = as_user(64123, "-all");
        words.insert(words.end(), {target_program(), "serve", "-i", wire.target_end(), "-e",
                                   export_argument(1, 1, image.path()), "--control", "none"});
        ChildProcess target(handed(names, files, words));
        RawClient client(wire);
        const std::string log = report_of(target, client);
        if (is_without_libsystemd(log))
            SKIP_BECAUSE("the program was built without libsystemd");
        CAPTURE(log);
        CHECK(contains(log, "capabilities: none"));
        CHECK(client.ask(write_request(5, pattern(5, 1, 9))).succeeded());
        CHECK(image.read(5, 1) == pattern(5, 1, 9));

        // The sockets serve the next interface of that name, too, and its larger frames.
        wire.destroy();
        wire.create(9000);
        RawClient next(wire);
        CHECK(
            next.wait_until([&] { return next.ask(read_request(20, 16)).succeeded(); }, Milliseconds(30000)));
        CHECK(next.ask(read_request(20, 16)).data() == pattern(20, 16));
        target.signal(SIGTERM);
        CHECK(target.wait_for_exit(Milliseconds(60000)) == 0);
        wire.destroy();
        wire.create(1500);
    }
}

TEST_CASE("what the service manager hands over has to fit an export or interface", "[service]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64);
    const ScratchFolder folder;
    const std::string& path = image.path();
    enter_test_network();
    const std::string interface = "interface-" + wire.target_end();
    const InheritedSocket packet_socket, datagram_socket(AF_INET, SOCK_DGRAM);
    const std::string packets = packet_socket.redirection(), udp = datagram_socket.redirection();
    struct Case {
        std::string names;
        std::vector<std::string> files;
        std::string reason;
        int exit_code;
    };
    const Case cases[] = {
        {"export-1.2", {"<>" + path}, "'export-1.2' of the service manager", 3},
        {"disk", {"<>" + path}, "'disk' of the service manager", 3},
        {"interface-eth1", {"<>" + path}, "'interface-eth1' of the service manager", 3},
        {interface, {"<>" + path}, "no socket", 1},
        {interface, {udp}, "is no packet socket", 1},
        {interface + ":" + interface, {packets, packets}, "handed over twice", 1},
        {interface + ":" + interface + ":" + interface + ":" + interface,
         {packets, packets, packets, packets},
         "each takes 1 to 3: hand over 1, 2 or 3",
         3},
        {"export-1.1:export-1.1", {"<>" + path, "<>" + path}, "twice", 3},
        {"export-1.1", {"<" + path}, "not open for reading and writing", 1},
        {"export-1.1", {">>" + path}, "not open for reading and writing", 1},
        {"export-1.1", {"<>" + other.path()}, "is of another file", 1},
        {"export-1.1", {"</dev/null"}, "neither of a regular file nor of a block device", 1},
    };
    for (const auto& [names, files, reason, exit_code] : cases) {
        CAPTURE(names, files);
        const ToolResult result = run_tool(handed(names, files,
                                                  {target_program(), "serve", "-i", wire.target_end(), "-e",
                                                   export_argument(1, 1, path), "--control", "none"}),
                                           Milliseconds(60000));
        if (is_without_libsystemd(result.error))
            SKIP_BECAUSE("the program was built without libsystemd");
        CAPTURE(result.error);
        CHECK(result.exit_code == exit_code);
        CHECK(contains(result.error, reason));
    }
}
