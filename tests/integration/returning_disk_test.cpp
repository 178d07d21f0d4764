// Disks that vanish, and come back as another device under the same path.
#include "catch.hpp"
#include "controlled_target.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

using namespace aoetest;

namespace {

const std::string usual_name = "naa.5000c500a1b2c3d4";
constexpr std::uint64_t disk_sectors = 256;

/// A disk that can be pulled out: it then has no sectors left.
struct Disk {
    explicit Disk(const std::string& name = usual_name, std::uint64_t sectors = disk_sectors)
        : below(sectors) {
        if (!name.empty())
            named.emplace(loop.path(), name);
    }
    void vanish() const {
        below.resize_bytes(0);
        loop.follow_size();
    }

    ImageFile below;
    LoopDevice loop{below.path()};
    std::optional<WorldWideName> named;
};

/// A path that names one disk or another, or none, as udev keeps it.
struct DiskPath {
    ScratchFolder folder;
    std::string path = folder.path() + "/by-id";

    void names(const Disk& disk) const {
        std::filesystem::create_symlink(disk.loop.path(), path + ".new");
        std::filesystem::rename(path + ".new", path);
    }
    void names_nothing() const { std::filesystem::remove(path); }
};

std::size_t count(const std::string& text, const std::string& words) {
    std::size_t found = 0;
    for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
        ++found;
    return found;
}

bool says(RawClient& client, TargetProcess& target, const std::string& words, std::size_t times = 1) {
    return client.wait_until([&] { return count(target.log(), words) >= times; }, Milliseconds(60000));
}

bool is_fault(const Reply& reply) {
    return reply.status() == status_fault && reply.ata_error() == error_abort;
}

/// A field of /proc/PID/stat after the name: 0 is the state, 1 the parent.
std::string stat_field(const std::string& process, int field) {
    std::ifstream file("/proc/" + process + "/stat");
    std::string text;
    std::getline(file, text);
    std::istringstream words(text.substr(std::min(text.size(), text.rfind(')') + 1)));
    std::string word;
    for (int i = 0; i <= field; ++i)
        words >> word;
    return word;
}

/// The process beside the target that opens disks, or 0.
pid_t keeper_of(const TargetProcess& target) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (std::isdigit(static_cast<unsigned char>(name[0])) != 0 &&
            stat_field(name, 1) == std::to_string(target.pid()))
            return std::stoi(name);
    }
    return 0;
}

bool runs(pid_t process) {
    const std::string state = stat_field(std::to_string(process), 0);
    return !state.empty() && state != "Z" && state != "X";
}

bool is_free(const std::string& disk) {
    const int file = ::open(disk.c_str(), O_RDWR | O_EXCL | O_CLOEXEC);
    ::close(file);
    return file >= 0;
}

constexpr const char* is_back = "e1.1: Its disk is back: ";
constexpr const char* taken_over = "e1.1: Requests go to the device that was opened anew.";

} // namespace

#define NEEDS_LOOP_DEVICES                                                                                   \
    const VethPair& wire = standard_wire();                                                                  \
    RawClient client(wire);                                                                                  \
    if (!has_real_root())                                                                                    \
    SKIP_BECAUSE("loop devices need real root")

TEST_CASE("a disk that vanished is taken over whenever its path names it again", "[returning-disk]") {
    NEEDS_LOOP_DEVICES;
    const DiskPath path;
    auto disk = std::make_unique<Disk>();
    path.names(*disk);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, path.path)});
    const std::string serial = Identify(client.ask(identify_request()).data()).text(10, 19);
    for (std::uint32_t round = 1; round <= 2; ++round) {
        CAPTURE(round);
        client.write(4, pattern(4, 2, round));
        disk->vanish();
        path.names_nothing();
        CHECK(is_fault(client.ask(read_request(4, 2))));
        CHECK(is_fault(client.ask(write_request(4, pattern(4, 2, round)))));
        CHECK(says(client, target, "The device is gone", round));
        auto same = std::make_unique<Disk>(); // as another device, as after it was plugged in again
        path.names(*same);
        CHECK(says(client, target, taken_over, round));
        CHECK(count(target.log(), is_back) == round);
        CHECK(client.read(4, 2) == pattern(4, 2));
        client.write(8, pattern(8, 2, round));
        CHECK(same->below.read(8, 2) == pattern(8, 2, round));
        CHECK(client.ask(trim_request({{16, 8}})).succeeded());
        CHECK(client.ask(flush_request()).succeeded());
        CHECK(Identify(client.ask(identify_request()).data()).text(10, 19) == serial);
        CHECK(is_free(disk->loop.path())); // what is gone is not held
        CHECK_FALSE(is_free(same->loop.path()));
        disk = std::move(same);
        client.wait_until([] { return false; }, Milliseconds(1200)); // the same is not told again sooner
    }
    CHECK(count(target.log(), "flush") == 0);
    const Disk other;
    path.names(other);
    CHECK(says(client, target, "e1.1: Its path names another device now."));
    target.stop(); // with status 0
    CHECK(is_free(disk->loop.path()));
}

TEST_CASE("an initiator whose errors stay unanswered does not notice that its disk was away",
          "[returning-disk]") {
    NEEDS_LOOP_DEVICES;
    const DiskPath path;
    const Disk disk;
    path.names(disk);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, path.path, "on-error=silent:60s")});
    disk.vanish();
    const auto write = client.completed(write_request(4, pattern(4, 2, 1)));
    CHECK_FALSE(client.wait_for(client.send(write), Milliseconds(300)));
    const Disk same;
    path.names(same);
    std::optional<Reply> reply;
    const auto repeated = [&] {
        reply = client.wait_for(client.send(write), Milliseconds(200));
        return reply.has_value();
    };
    CHECK(client.wait_until(repeated, Milliseconds(60000)));
    REQUIRE(reply);
    CHECK(reply->succeeded());
    CHECK(same.below.read(4, 2) == pattern(4, 2, 1));
}

TEST_CASE("another disk under the path is told once and not taken over, the right one later is",
          "[returning-disk]") {
    NEEDS_LOOP_DEVICES;
    const DiskPath path;
    const Disk disk, other("naa.5000c500ffffffff"), nameless(""), smaller(usual_name, disk_sectors - 8);
    path.names(disk);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, path.path)});
    disk.vanish();
    CHECK(is_fault(client.ask(read_request(4, 2))));
    path.names(other);
    const std::string words =
        " names another disk now (naa.5000c500ffffffff+0 instead of " + usual_name + "+0).";
    CHECK(says(client, target,
               words + " The target does not take that one over; 'aoetarget reopen e1.1' does"));
    client.wait_until([] { return false; }, Milliseconds(2500));
    CHECK(count(target.log(), words) == 1);
    CHECK(is_free(other.loop.path()));
    CHECK(is_fault(client.ask(read_request(4, 2))));
    path.names(nameless);
    CHECK(
        says(client, target, " names another disk now (one without UUID, WWN and serial number instead of "));
    CHECK(count(target.log(), is_back) == 0);
    {
        const Disk same;
        const int user = ::open(same.loop.path().c_str(), O_RDWR | O_EXCL | O_CLOEXEC);
        path.names(same);
        CHECK(says(client, target, "e1.1: Its disk is back, but cannot be opened: "));
        CHECK(contains(target.log(), "process " + std::to_string(::getpid())));
        CHECK(is_fault(client.ask(read_request(4, 2))));
        ::close(user);
        CHECK(says(client, target, taken_over));
        CHECK(client.read(4, 2) == pattern(4, 2));
        same.vanish();
        CHECK(is_fault(client.ask(read_request(4, 2))));
        path.names(smaller);
        CHECK(says(client, target, "e1.1: Its disk is back, but cannot be taken over: "));
        CHECK(contains(target.log(), "the new device has 248 sectors and initiators know of 256"));
        CHECK(is_free(smaller.loop.path()));
        CHECK(is_fault(client.ask(read_request(4, 2))));
    }
}

TEST_CASE("all exports of a disk are taken over together, whichever thread serves them", "[returning-disk]") {
    NEEDS_LOOP_DEVICES;
    const DiskPath path;
    const Disk disk, same;
    const ImageFile image(64);
    path.names(disk);
    TargetProcess target({wire.target_end()},
                         {export_argument(1, 1, path.path, "length=128s"),
                          export_argument(1, 2, image.path()),
                          export_argument(1, 3, path.path, "offset=128s,length=64s"),
                          export_argument(1, 4, path.path, "offset=192s")},
                         {"--threads", "2"});
    disk.vanish();
    CHECK(is_fault(client.ask(read_request(4, 2))));
    path.names(same);
    CHECK(says(client, target, taken_over));
    CHECK(says(client, target, "e1.4: Requests go to the device that was opened anew."));
    CHECK(client.read(4, 2) == pattern(4, 2));
    CHECK(client.ask(read_request(4, 2).to(1, 3)).data() == pattern(132, 2));
    CHECK(client.ask(read_request(4, 2).to(1, 4)).data() == pattern(196, 2));
    CHECK(client.ask(read_request(4, 2).to(1, 2)).data() == pattern(4, 2));
    CHECK_FALSE(is_free(same.loop.path()));
    target.stop();
    CHECK(is_free(same.loop.path()));
}

TEST_CASE("a disk that could not be told from others is left to the operator", "[returning-disk]") {
    NEEDS_LOOP_DEVICES;
    const DiskPath path;
    const Disk disk(""), named;
    path.names(disk);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, path.path)});
    CHECK(keeper_of(target) == 0);
    disk.vanish();
    CHECK(is_fault(client.ask(read_request(4, 2))));
    CHECK(says(client, target, "no UUID, WWN or serial number to know it by. Restart the target then."));
}

TEST_CASE("a disk that was opened while the target served is left to the operator", "[returning-disk]") {
    NEEDS_LOOP_DEVICES;
    const DiskPath path;
    const Disk disk, other;
    path.names(disk);
    ControlledTarget target({wire.target_end()}, {export_argument(1, 1, path.path)});
    path.names(other);
    const ToolResult reopened = target.run({"reopen", "1.1"});
    CAPTURE(reopened.error);
    REQUIRE(reopened.exit_code == 0);
    other.vanish();
    CHECK(is_fault(client.ask(read_request(4, 2))));
    CHECK(says(client, target.process(),
               "because it was opened while the target served. Restart the target then."));
}

TEST_CASE("the process that opens disks holds nothing, sleeps, and ends with the target and not before",
          "[returning-disk]") {
    NEEDS_LOOP_DEVICES;
    const Disk disk;
    const int end = GENERATE(SIGTERM, SIGINT, SIGKILL);
    CAPTURE(end);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, disk.loop.path())});
    const pid_t keeper = keeper_of(target);
    REQUIRE(keeper > 0);
    const std::string folder = "/proc/" + std::to_string(keeper);
    std::ifstream comm(folder + "/comm");
    std::string name;
    std::getline(comm, name);
    CHECK(name == "aoetarget-disks");
    unsigned sockets = 0, others = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder + "/fd")) {
        const std::string leads_to = std::filesystem::read_symlink(file.path());
        sockets += leads_to.starts_with("socket:") ? 1 : 0;
        others += !leads_to.starts_with("socket:") && leads_to != "/dev/null" ? 1 : 0;
    }
    CHECK(sockets == 1);
    CHECK(others == 0);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) // as they come to a whole group
        ::kill(keeper, signal);
    client.wait_until([] { return false; }, Milliseconds(100));
    CHECK(stat_field(std::to_string(keeper), 0) == "S");
    target.expect_exit();
    target.signal(end);
    CHECK(target.wait_for_exit(Milliseconds(60000)) == (end == SIGKILL ? 128 + SIGKILL : 0));
    if (end == SIGKILL)
        CHECK(client.wait_until([&] { return !runs(keeper); }));
    CHECK_FALSE(runs(keeper));
}

TEST_CASE("without the process that opens disks the target says what to do", "[returning-disk]") {
    NEEDS_LOOP_DEVICES;
    const Disk disk;
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, disk.loop.path())});
    const pid_t keeper = keeper_of(target);
    REQUIRE(keeper > 0);
    const bool ends_first = GENERATE(true, false);
    CAPTURE(ends_first);
    const std::string advice = "because the process for that does not run. Restart the target then.";
    if (ends_first) {
        ::kill(keeper, SIGKILL);
        REQUIRE(client.wait_until([&] { return !runs(keeper); }));
    }
    disk.vanish();
    CHECK(is_fault(client.ask(read_request(4, 2))));
    if (!ends_first) {
        CHECK(says(client, target, "The device is gone"));
        CHECK(count(target.log(), advice) == 0);
        ::kill(keeper, SIGKILL);
    }
    CHECK(says(client, target, advice));
    CHECK(count(target.log(), advice) == 1);
    const auto ticks = [&] { return std::stoul(stat_field(std::to_string(target.pid()), 11)); };
    const unsigned long before = ticks();
    client.wait_until([] { return false; }, Milliseconds(500));
    CHECK(ticks() - before <= 20); // it does not spin
}
