// How `serve` starts, runs and ends: its lines, signals, and the streams and folders that it is given.
#include "catch.hpp"
#include "check.hpp"
#include "scene.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

using namespace aoetest;

namespace {

// A file that another program can open only after tens of seconds: a lease on it has to be given up first.
class SlowToOpen {
  public:
    explicit SlowToOpen(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
        REQUIRE(::fcntl(fd_, F_SETSIG, SIGURG) == 0); // to be told by a signal that does nothing
        REQUIRE(::fcntl(fd_, F_SETLEASE, F_WRLCK) == 0);
    }
    ~SlowToOpen() { ::close(fd_); }
    SlowToOpen(const SlowToOpen&) = delete;
    SlowToOpen& operator=(const SlowToOpen&) = delete;

    void wait_for_opener() const {
        const auto deadline = std::chrono::steady_clock::now() + Milliseconds(10000);
        while (::fcntl(fd_, F_GETLEASE) == F_WRLCK) {
            if (std::chrono::steady_clock::now() > deadline)
                abort_test("the target did not open the file");
            std::this_thread::sleep_for(Milliseconds(2));
        }
    }

  private:
    int fd_;
};

} // namespace

TEST_CASE("serve says what it serves, then that an initiator is new, and nothing else", "[cli]") {
    Scene scene;
    const std::string started = scene.target.log();
    CHECK(contains(started, "e1.1"));
    CHECK(contains(started, scene.image.path()));
    CHECK(contains(started, scene.wire.target_end()));
    CHECK(contains(started, "2 sectors"));
    for (std::uint64_t lba = 0; lba < 200; ++lba)
        scene.client.read(lba, 2);
    scene.client.ask(read_request(9999999, 1));
    scene.client.ask(config_request(ccmd_set, "text"));
    scene.client.send_bytes(Bytes(20, 0xFF));
    scene.client.settle();
    const std::string later = scene.target.log().substr(started.size());
    CHECK(is_one_line(later));
    CHECK(contains(later, scene.client.mac().text() + ": This initiator is new here"));
    CHECK(std::count(started.begin(), started.end(), '\n') <= 5);
}

TEST_CASE("serve has its line per export and interface out when it answers", "[cli]") {
    const VethPair& first = standard_wire();
    const VethPair second("second", 9000);
    const ImageFile image(64);
    TargetProcess target({first.target_end(), second.target_end()},
                         {export_argument(1, 1, image.path(), "read-only"),
                          export_argument(7, 12, image.path(), "read-only")});
    const std::string& log = target.log();
    for (const char* part : {"e1.1", "e7.12", "16 sectors", "2 sectors"})
        CHECK(contains(log, part));
    CHECK(contains(log, first.target_end()));
    CHECK(contains(log, second.target_end()));
}

TEST_CASE("SIGINT and SIGTERM end it with 0, and writes in flight are finished", "[cli]") {
    for (const int signal : {SIGINT, SIGTERM}) {
        Scene scene("", 4096);
        std::vector<std::uint32_t> tags;
        for (std::uint64_t i = 0; i < 64; ++i)
            tags.push_back(scene.client.send(write_request(4 * i, pattern(4 * i, 2, 1))));
        scene.target.expect_exit();
        scene.target.signal(signal);
        CHECK(scene.target.wait_for_exit(Milliseconds(60000)) == 0);
        scene.client.receive(Milliseconds(20));
        for (std::uint64_t i = 0; i < 64; ++i) {
            const Bytes stored = scene.image.read(4 * i, 2);
            const auto reply = scene.client.wait_for(tags[i], Milliseconds(0));
            if (reply && reply->succeeded())
                CHECK(stored == pattern(4 * i, 2, 1));
            else // not begun, or done and the answer lost: whole in either case
                CHECK((stored == pattern(4 * i, 2, 1) || stored == pattern(4 * i, 2)));
        }
    }
}

TEST_CASE("a second signal does not wait for anything", "[cli]") {
    Scene scene;
    scene.target.expect_exit();
    scene.target.signal(SIGTERM);
    scene.target.signal(SIGTERM);
    CHECK(scene.target.wait_for_exit(Milliseconds(2000)));
}

TEST_CASE("a terminal that goes away says so more than once, and that is no reason for haste", "[cli]") {
    Scene scene("durability=volatile", 4096);
    for (std::uint64_t i = 0; i < 64; ++i)
        scene.client.send(write_request(4 * i, pattern(4 * i, 2, 1)));
    scene.target.expect_exit();
    for (int i = 0; i < 20; ++i) {
        scene.target.signal(SIGHUP);
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    CHECK(scene.target.wait_for_exit(Milliseconds(60000)) == 0);
}

TEST_CASE("a signal that is ignored from the beginning does not end it, as nohup wants it", "[cli]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    ChildProcess target({find_program("nohup"), target_program(), "serve", "--control", "none", "-i",
                         wire.target_end(), "-e", export_argument(1, 1, image.path())});
    REQUIRE(client.is_served_soon());
    target.signal(SIGHUP);
    CHECK_FALSE(target.wait_for_exit(Milliseconds(200)));
    CHECK(client.read(0, 2) == pattern(0, 2));
    target.signal(SIGTERM);
    CHECK(target.wait_for_exit(Milliseconds(60000)) == 0);
}

TEST_CASE("a start that waits for a disk is ended by each signal that is not ignored", "[cli]") {
    const VethPair& wire = standard_wire();
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
        CAPTURE(number);
        const ImageFile image(64);
        const SlowToOpen slow(image.path());
        ChildProcess target({target_program(), "serve", "--control", "none", "-i", wire.target_end(), "-e",
                             export_argument(1, 1, image.path())});
        slow.wait_for_opener();
        target.signal(number);
        CHECK(target.wait_for_exit(Milliseconds(60000)) == 128 + number);
    }
    const ImageFile image(64);
    const SlowToOpen slow(image.path());
    ChildProcess target({find_program("nohup"), target_program(), "serve", "--control", "none", "-i",
                         wire.target_end(), "-e", export_argument(1, 1, image.path())});
    slow.wait_for_opener();
    target.signal(SIGHUP);
    CHECK_FALSE(target.wait_for_exit(Milliseconds(200)));
    target.signal(SIGTERM);
    CHECK(target.wait_for_exit(Milliseconds(60000)) == 128 + SIGTERM);
}

TEST_CASE("the state directory of a systemd unit is used, and of several the first", "[cli]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const ScratchFolder first, second;
    RawClient client(wire);
    const std::string env = find_program("env");
    ChildProcess target({env, "STATE_DIRECTORY=" + first.path() + ":" + second.path(), target_program(),
                         "serve", "--control", "none", "-i", wire.target_end(), "-e",
                         export_argument(1, 1, image.path())});
    REQUIRE(client.is_served_soon());
    CHECK(client.ask(config_request(ccmd_set, "kept")).config_text() == "kept");
    CHECK(std::filesystem::exists(first.path() + "/e1.1.state"));
    CHECK(std::filesystem::is_empty(second.path()));
    target.signal(SIGTERM);
    CHECK(target.wait_for_exit(Milliseconds(60000)) == 0);
}

TEST_CASE("closed standard streams do not hurt", "[cli]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    const std::string shell = find_program("sh");
    ChildProcess target({shell, "-c", "exec \"$0\" serve --control none -i \"$1\" -e \"$2\" 0<&- 1>&- 2>&-",
                         target_program(), wire.target_end(), export_argument(1, 1, image.path())});
    REQUIRE(client.is_served_soon());
    client.write(0, pattern(0, 2, 1)); // no descriptor of the target is taken for a stream
    CHECK(client.read(0, 2) == pattern(0, 2, 1));
    CHECK(image.read(0, 2) == pattern(0, 2, 1));
    target.signal(SIGTERM);
    CHECK(target.wait_for_exit(Milliseconds(60000)) == 0);
}
