// One export's trouble is its own: while hosts wait for exports whose devices do not answer, all others on
// the same interface, thread and process are served as always.
#include "catch.hpp"
#include "changed_target.hpp"
#include "hang_scene.hpp"
#include "sanitizers.hpp"

#include <csignal>
#include <random>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

using namespace aoetest;

#define NEEDS_A_FROZEN_FILE_SYSTEM()                                                                         \
    do {                                                                                                     \
        if (!MemoryFileSystem::is_available())                                                               \
            SKIP_BECAUSE("to freeze a file system needs real root and mkfs.ext4");                           \
    } while (false)

namespace {

// A write of two sectors that has no other one beside it.
Request scattered_write(std::uint8_t slot, unsigned number) {
    const std::uint64_t lba = 4 * number % HangScene::sick_sectors;
    return write_request(lba, pattern(lba, 2, number)).to(2, slot);
}

// The same requests by that many hosts to each of the exports that hang.
void write_everywhere(HangScene& scene, unsigned exports, unsigned hosts, unsigned writes) {
    for (unsigned i = 0; i < writes; ++i)
        for (unsigned host = 0; host < hosts; ++host)
            for (unsigned slot = 0; slot < exports; ++slot)
                scene.hosts.ask(
                    scattered_write(static_cast<std::uint8_t>(slot), host * writes + i).from(host_mac(host)));
}

std::string counted(unsigned number, const std::string& what) {
    return std::to_string(number) + " " + what;
}

} // namespace

TEST_CASE("a freeze ends with the process that made it, however that ends", "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    const MemoryFileSystem file_system(8 << 20);
    const int signal = GENERATE(SIGKILL, SIGABRT, SIGTERM);
    CAPTURE(signal);
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t test = ::fork();
    if (test == 0) {
        ::signal(signal, SIG_DFL); // Catch2 handles some
        ::setpgid(0, 0);
        const Freeze freeze(file_system);
        const bool frozen = file_system.is_frozen();
        if (::write(ready[1], &frozen, sizeof frozen) == sizeof frozen)
            ::kill(0, signal); // the whole group, as test runners do
        ::pause();
    }
    bool frozen = false;
    CHECK(::read(ready[0], &frozen, sizeof frozen) == sizeof frozen);
    CHECK(frozen);
    CHECK(::waitpid(test, nullptr, 0) == test);
    ::close(ready[0]);
    ::close(ready[1]);
    for (int i = 0; i < 200 && file_system.is_frozen(); ++i)
        ::usleep(10000);
    CHECK_FALSE(file_system.is_frozen());
}

TEST_CASE(
    "a request that a frozen disk does not finish in time is a fault, and what overlaps it waits for the "
    "disk",
    "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    const MemoryFileSystem file_system(8 << 20);
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    const ImageFile image(64, ImageFile::Fill::pattern, file_system.folder());
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path(), "device-timeout=1s")});
    client.write(0, pattern(0, 2, 1));
    Freeze freeze(file_system);
    const std::uint32_t write = client.send(write_request(4, pattern(4, 2, 1)));
    const auto reply = client.wait_for(write);
    REQUIRE(reply);
    CHECK(reply->status() == status_fault);
    CHECK(
        client.wait_until([&] { return target.log().find("not finished within 1 s") != std::string::npos; }));
    const std::uint32_t next = client.send(write_request(4, pattern(4, 2, 2)));
    CHECK_FALSE(client.wait_for(next, Milliseconds(300)));
    freeze.thaw();
    CHECK(client.wait_for(next)->succeeded());
    CHECK(client.read(4, 2) == pattern(4, 2, 2));
    CHECK(client.wait_until(
        [&] { return target.log().find("carries out requests again") != std::string::npos; }));
}

TEST_CASE("many hosts that write to two exports that hang leave an interface its slots", "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    struct Row {
        unsigned hosts, writes;
    };
    const auto [hosts, writes] = GENERATE(Row{17, 32}, Row{36, 32}, Row{40, 16});
    HangScene scene({.exports = 2});
    write_everywhere(scene, 2, hosts, writes);
    scene.expect_that_others_are_served(
        counted(hosts, "hosts with ") + counted(writes, "writes on each of 2"), host_mac(0));
    scene.thaw_and_end();
}

TEST_CASE("one host that writes to nine exports that hang, however slowly, leaves an interface its slots",
          "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    const int pace_ms = GENERATE(0, 1, 3);
    HangScene scene({.exports = 9});
    for (unsigned number = 0; number < 128; ++number)
        for (std::uint8_t slot = 0; slot < 9; ++slot) {
            scene.hosts.ask(scattered_write(slot, number));
            scene.pass_time(Milliseconds(pace_ms));
        }
    scene.expect_that_others_are_served(
        "a host with 128 writes on each of 9, one in " + std::to_string(pace_ms) + " ms", scene.client.mac());
    scene.thaw_and_end();
}

TEST_CASE("operations that block the kernel's workers leave others theirs", "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    const unsigned exports = GENERATE(8U, 12U, 20U);
    HangScene scene({.exports = exports});
    write_everywhere(scene, exports, 1, 2);
    scene.expect_that_others_are_served("writes on " + counted(exports, "exports"), host_mac(0));
    scene.thaw_and_end();
}

// The kernel sorts writes through the page cache that block into 64 queues, by their file: half of all files
// share one with 60 that hang. A write that is kept waiting by others leaves the queue after 20 to 40 ms.
TEST_CASE("writes through the page cache that block leave others theirs", "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    const unsigned exports = GENERATE(6U, 60U);
    HangScene scene({.exports = exports, .export_options = "cache=page"});
    write_everywhere(scene, exports, 1, 2);
    scene.expect_that_others_are_served("writes on " + counted(exports, "exports, cache=page"), host_mac(0));
    scene.thaw_and_end();
}

TEST_CASE("trims that block the kernel's workers leave others theirs", "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    HangScene scene({.exports = 10});
    for (std::uint8_t slot = 0; slot < 10; ++slot)
        for (std::uint64_t lba = 0; lba < 64; lba += 16)
            scene.hosts.ask(trim_request({{lba, 8}}).to(2, slot).from(host_mac(slot)));
    scene.expect_that_others_are_served("4 trims on each of 10 exports", host_mac(0));
    scene.thaw_and_end();
}

TEST_CASE("a state directory that hangs keeps config strings from being set, and nothing else", "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    // On the file system that freezes, too: only their state is written to.
    HangScene scene({.exports = 10, .state_hangs = true});
    for (std::uint8_t slot = 0; slot < 10; ++slot)
        scene.hosts.ask(config_request(ccmd_force, "kept").to(2, slot).from(host_mac(slot)));
    scene.expect_that_others_are_served("10 config strings that cannot be saved", host_mac(0), false);
    scene.thaw_and_end();
}

TEST_CASE("parts of blocks that wait for an export that hangs leave others memory for theirs", "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    HangScene scene({.exports = 3, .block_bytes = 4096});
    for (unsigned i = 0; i < 32; ++i)
        for (std::uint8_t slot = 0; slot < 3; ++slot)
            scene.hosts.ask(
                write_request(16 * i + 1, pattern(16 * i + 1, 1, i)).to(2, slot).from(host_mac(i % 4)));
    scene.expect_that_others_are_served("32 parts of blocks on each of 3 exports", host_mac(0));
    scene.thaw_and_end();
}

TEST_CASE("reads and verifies that wait for a disk that hangs leave others memory for theirs", "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    const bool verifies = GENERATE(true, false);
    HangScene scene({.exports = 3, .block_bytes = 4096, .on_loop_devices = true});
    for (std::uint8_t slot = 0; slot < 3; ++slot) // what follows waits behind it in the device
        scene.hosts.ask(write_request(0, pattern(0, 2, 1)).to(2, slot));
    scene.client.receive(Milliseconds(50));
    for (unsigned i = 1; i <= 32; ++i)
        for (std::uint8_t slot = 0; slot < 3; ++slot) {
            const Request request = verifies ? ata_request(ata::read_verify_ext, 0, 8, 16 * i, aflag_extended)
                                             : read_request(16 * i + 1, 2);
            scene.hosts.ask(Request(request).to(2, slot).from(host_mac(i % 4)));
        }
    scene.expect_that_others_are_served(
        verifies ? "32 verifies on each of 3 disks" : "32 reads on each of 3 disks", host_mac(0));
    scene.thaw_and_end();
}

// Such reads wait for the trim, which waits for the flush, in whatever thread submits them.
TEST_CASE("reads through the page cache of a disk that hangs in a trim leave others their thread", "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    HangScene scene({.on_loop_devices = true, .export_options = "cache=page,durability=volatile"});
    for (const Request& request :
         {write_request(0, pattern(0, 2, 1)), flush_request(), trim_request({{0, 8}}), read_request(64, 2)}) {
        for (std::uint8_t slot = 0; slot < 2; ++slot)
            scene.hosts.ask(Request(request).to(2, slot));
        scene.pass_time(Milliseconds(50));
    }
    scene.expect_that_others_are_served("a read behind a trim on each of 2 disks", host_mac(0));
    scene.thaw_and_end();
}

// Where a pool is small, and a wildcard takes a slot for every export. XDP has room for no more than seven
// frames at the MTU of the packet sockets.
TEST_CASE("wildcards and exports that hang leave large frames their slots", "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    const unsigned exports = GENERATE(1U, 2U, 20U);
    HangScene scene({.exports = exports, .mtu = links_are("xdp") ? 9000U : 65535U});
    write_everywhere(scene, exports, 2, 64);
    for (unsigned host = 0; host < 40; ++host) {
        Request everybody = config_request().to(every_shelf, every_slot).from(host_mac(host));
        everybody.destination = broadcast_mac;
        scene.hosts.ask(everybody);
    }
    scene.expect_that_others_are_served("40 wildcards beside " + counted(exports, "exports"), host_mac(0));
    scene.thaw_and_end();
}

TEST_CASE("requests of all kinds by many hosts to exports that hang leave others served", "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    const unsigned seed = GENERATE(range(1U, 7U));
    std::mt19937 engine(seed);
    const auto random = [&] { return static_cast<unsigned>(engine()); };
    const HangOptions options{
        .exports = 1 + random() % 12,
        .block_bytes = random() % 2 == 0 ? 512U : 4096U,
        .on_loop_devices = random() % 2 == 0,
        .export_options = random() % 2 == 0 ? "cache=direct" : "cache=page,durability=volatile",
        .threads = 1 + random() % 2,
    };
    const unsigned hosts = 1 + random() % 40, window = 1 + random() % 64;
    const std::string what = "seed " + std::to_string(seed) + ", " + counted(options.exports, "exports, ") +
                             counted(hosts, "hosts, ") + counted(window, "requests each, ") +
                             counted(options.threads, "threads");
    CAPTURE(what);
    HangScene scene(options);
    for (unsigned i = 0; i < window; ++i)
        for (unsigned host = 0; host < hosts; ++host)
            for (unsigned slot = 0; slot < options.exports; ++slot) {
                const std::uint64_t lba = random() % (HangScene::sick_sectors - 8);
                Request request = write_request(lba, pattern(lba, 1 + random() % 2, i));
                switch (random() % 12) {
                case 0:
                    request = read_request(lba, 2);
                    break;
                case 1:
                    request = ata_request(ata::read_verify_ext, 0, 8, lba, aflag_extended);
                    break;
                case 2:
                    request = flush_request();
                    break;
                case 3:
                    request = trim_request({{lba, 8}});
                    break;
                default:
                    break;
                }
                scene.hosts.ask(request.to(2, static_cast<std::uint8_t>(slot)).from(host_mac(host)));
            }
    scene.expect_that_others_are_served(what, host_mac(0));
    scene.thaw_and_end();
}

TEST_CASE("a file system that is frozen at the start keeps no other export from being served", "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    const MemoryFileSystem sick(32 << 20);
    const ImageFile image(64);
    const ImageFile sick_image(8192, ImageFile::Fill::sparse, sick.folder());
    const VethPair& wire = standard_wire();
    std::optional<TargetProcess> target;
    Freeze freeze(sick);
    target.emplace(std::vector<std::string>{wire.target_end()},
                   std::vector<std::string>{export_argument(1, 1, image.path()),
                                            export_argument(2, 0, sick_image.path())});
    CHECK(target->log().find("does not answer") != std::string::npos);
    RawClient client(wire);
    CHECK(client.read(4, 2) == pattern(4, 2));
    const std::uint32_t waits = client.send(write_request(0, pattern(0, 1, 1)).to(2, 0));
    for (unsigned i = 0; i < 20; ++i) // it may have to be made stable
        CHECK(client.ask(write_request(i, pattern(i, 1, 2))).succeeded());
    freeze.thaw();
    CHECK(client.wait_for(waits, Milliseconds(5000)));
    target->stop();
}

TEST_CASE("a remove lasts until the disk is closed, and tells if that takes long", "[hang]") {
    NEEDS_A_FROZEN_FILE_SYSTEM();
    const MemoryFileSystem sick(32 << 20);
    const ImageFile image(64);
    const ImageFile sick_image(8192, ImageFile::Fill::sparse, sick.folder());
    const VethPair& wire = standard_wire();
    const Changed changed(entry_text(wire) + export_text("1.1", image) + export_text("1.2", sick_image));
    RawClient client(wire);
    REQUIRE(client.is_served_soon());
    const auto hang_in_a_write = [&] {
        client.send(write_request(0, pattern(0, 1, 1)).to(1, 2));
        client.settle();
    };
    {
        Freeze freeze(sick);
        hang_in_a_write();
        std::thread later([&] {
            std::this_thread::sleep_for(Milliseconds(700));
            freeze.thaw();
        });
        const auto began = std::chrono::steady_clock::now();
        const ToolResult removed = changed.run({"remove", "-e", "1.2"});
        CHECK(std::chrono::steady_clock::now() - began > Milliseconds(500));
        later.join();
        CHECK(removed.exit_code == 0);
        CHECK(removed.error == "");
    }
    const ToolResult added = changed.run({"add", "-e", export_argument(1, 2, sick_image.path())});
    CAPTURE(added.error);
    CHECK(added.exit_code == 0);
    Freeze freeze(sick);
    hang_in_a_write();
    const ToolResult removed = changed.run({"remove", "-e", "1.2"});
    CHECK(removed.exit_code == 0);
    CHECK(contains(removed.error, "e1.2: the requests that were under way have not ended yet"));
    freeze.thaw();
}

TEST_CASE("a target that may start no worker thread says so and ends", "[hang]") {
    const VethPair& wire = standard_wire();
    if (!has_real_root())
        SKIP_BECAUSE("to become another user needs real root");
    if (has_address_sanitizer || has_thread_sanitizer)
        SKIP_BECAUSE("a sanitizer starts threads of its own");
    const std::string prlimit = find_program("prlimit");
    REQUIRE_FALSE(prlimit.empty());
    const ImageFile image(64);
    constexpr uid_t nobody_else = 64123; // limits do not hold for root
    REQUIRE(::chown(image.path().c_str(), nobody_else, nobody_else) == 0);
    std::vector<std::string> command = as_user(nobody_else);
    command.insert(command.end(),
                   {prlimit, "--nproc=1", target_program(), "serve", "--control", "none", "-i",
                    wire.target_end() + ",link=packet", "-e", export_argument(1, 1, image.path())});
    const ToolResult result = run_tool(command, Milliseconds(60000));
    CAPTURE(result.error);
    CHECK(result.exit_code == 1);
    CHECK(contains(result.error, "worker thread"));
    CHECK(contains(result.error, "ulimit -u"));
}
