// The target as the system sees it: one waiting point, no threads of its own, bounded memory (lib/README.md,
// "One waiting point" and "Bounded").
#include "catch.hpp"
#include "flood.hpp"
#include "sanitizers.hpp"
#include "scene.hpp"

#include <algorithm>
#include <csignal>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

using namespace aoetest;

namespace {

// What AddressSanitizer keeps of memory that was given back, to tell of its use; it looks for leaks at the
// end.
constexpr std::size_t kept_of_freed_kib = has_address_sanitizer ? 16 * 1024 : 0;

// Keeps `window` requests in flight, a third of them writes, until `requests` are answered.
void run_load(RawClient& client, unsigned requests, unsigned window = 16) {
    std::deque<std::uint32_t> tags;
    const Bytes data = pattern(0, 2, 1);
    for (unsigned i = 0; i < requests; ++i) {
        const std::uint64_t lba = 2 * (i * 7919ULL % 1000);
        tags.push_back(client.send(i % 3 == 0 ? write_request(lba, data) : read_request(lba, 2)));
        if (tags.size() < window)
            continue;
        REQUIRE(client.wait_for(tags.front()));
        tags.pop_front();
    }
    for (const std::uint32_t tag : tags)
        REQUIRE(client.wait_for(tag));
    client.forget_outstanding();
}

std::size_t count_descriptors(pid_t pid) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
        ++count;
    return count;
}

// The table that `strace -c` leaves: percentage, seconds, usecs/call, calls, [errors,] name.
std::map<std::string, unsigned long> read_strace_table(const std::string& path) {
    std::map<std::string, unsigned long> calls;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string percentage, seconds, per_call, count, name;
        words >> percentage >> seconds >> per_call >> count;
        for (std::string word; words >> word;)
            name = word;
        if (!percentage.empty() && std::isdigit(static_cast<unsigned char>(percentage[0])) != 0 &&
            name != "total")
            calls[name] = std::stoul(count);
    }
    return calls;
}

} // namespace

TEST_CASE("system calls: io_uring_enter, and nothing else that grows with the requests", "[system]") {
    const std::string strace = find_program("strace");
    if (strace.empty())
        SKIP_BECAUSE("the program strace is missing");
    for (const char* options : {"cache=direct,durability=stable", "cache=page,durability=volatile"}) {
        CAPTURE(options);
        Scene scene(options);
        run_load(scene.client, 100); // what happens once has happened
        const ImageFile table(0);
        ChildProcess tracer(
            {strace, "-f", "-c", "-o", table.path(), "-p", std::to_string(scene.target.pid())});
        while (tracer.standard_error().find("attached") == std::string::npos && tracer.is_running())
            tracer.collect_output(Milliseconds(20));
        if (!tracer.is_running())
            SKIP_BECAUSE("strace may not attach here: " + tracer.standard_error());
        const auto end = std::chrono::steady_clock::now() + Milliseconds(1000);
        unsigned requests = 0;
        for (; std::chrono::steady_clock::now() < end; requests += 100)
            run_load(scene.client, 100);
        tracer.signal(SIGINT);
        REQUIRE(tracer.wait_for_exit(Milliseconds(5000)));

        const auto calls = read_strace_table(table.path());
        CAPTURE(requests);
        CHECK(requests >= 300);
        REQUIRE(calls.count("io_uring_enter") == 1);
        CHECK(calls.at("io_uring_enter") <= 3 * requests);
        for (const auto& [name, count] : calls) {
            CAPTURE(name, count);
            if (name != "io_uring_enter")
                CHECK(count <= 20);
        }
    }
}

TEST_CASE("threads: only the kernel's own workers beside the one of the program", "[system]") {
    for (const char* options : {"cache=direct,durability=stable", "cache=page,durability=stable"}) {
        Scene scene(options);
        run_load(scene.client, 2000);
        // A worker that is just being made still has the program's name, and one that has just ended has
        // none.
        CHECK(scene.client.wait_until([&] {
            return std::ranges::count_if(scene.target.thread_names(), [](const std::string& name) {
                       return !name.starts_with("iou-wrk-");
                   }) == 1;
        }));
    }
}

TEST_CASE("memory and descriptors stay flat under load", "[system]") {
    Scene scene("durability=volatile");
    run_load(scene.client, 5000, 64);
    const std::size_t memory = scene.target.resident_kib();
    const std::size_t descriptors = count_descriptors(scene.target.pid());
    run_load(scene.client, 20000, 64);
    for (int i = 0; i < 200; ++i) { // the ways that are not I/O
        scene.client.ask(config_request(ccmd_force, std::string(static_cast<std::size_t>(i), 'x')));
        scene.client.ask(mask_request(mask_edit, {{directive_add, scene.client.mac()}}));
        scene.client.ask(reserve_request(reserve_force, {scene.client.mac()}));
        scene.client.ask(read_request(99999, 1));
        scene.client.ask(trim_request({{0, 8}}));
    }
    // The history remembers the last 2 s of writes, at 88 bytes each: that is up to 780 KiB more here.
    CHECK(scene.target.resident_kib() <= memory + 1024);
    CHECK(count_descriptors(scene.target.pid()) == descriptors);
}

TEST_CASE(
    "memory stays flat under a flood of writes beyond what the disk can do, and then it is served at once",
    "[system]") {
    Scene scene;
    const Mac greedy = numbered_mac(0x77);
    scene.client.leave_to_others(greedy);
    scene.client.write(2000, pattern(2000, 2, 1));
    std::vector<Bytes> frames;
    for (std::uint64_t i = 0; i < 400; ++i) // scattered, so that they cannot be joined
        frames.push_back(
            scene.client.completed(write_request(4 * (i * 7 % 400), pattern(i, 2, 2)).from(greedy)).encode());
    const auto flood_for = [&](Milliseconds time) {
        Flood flood(scene.wire.client_end(), frames);
        scene.client.wait_until([] { return false; }, time);
        flood.stop();
        CHECK(scene.client.is_served_soon());
        return flood.sent();
    };
    // What is set aside for requests is touched only as it is needed; a leak of one frame in a hundred would
    // never end.
    const std::size_t descriptors = count_descriptors(scene.target.pid());
    std::size_t grown = 1000;
    for (int i = 0; i < 12 && grown > 64; ++i) {
        const std::size_t memory = scene.target.resident_kib();
        CHECK(flood_for(Milliseconds(1000)) > 6000);
        grown = std::max(scene.target.resident_kib(), memory) - memory;
    }
    CHECK(grown <= 64);
    CHECK(count_descriptors(scene.target.pid()) == descriptors);
    CHECK(scene.client.read(2000, 2) == pattern(2000, 2, 1));
    CHECK(scene.client.wait_until([&] { return scene.client.ask(flush_request()).succeeded(); }));
}

TEST_CASE("killed under load, it starts again at once on the same interface and image", "[system]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(2048);
    RawClient client(wire);
    for (std::uint32_t round = 1; round <= 5; ++round) {
        TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
        client.write(7, pattern(7, 2, round));
        for (unsigned i = 0; i < 100; ++i)
            client.send(write_request(100 + 2 * i, pattern(100 + 2 * i, 2, round)));
        target.expect_exit();
        target.signal(SIGKILL);
        REQUIRE(target.wait_for_exit(Milliseconds(5000)));
        client.forget_outstanding();
        TargetProcess again({wire.target_end()}, {export_argument(1, 1, image.path())});
        CHECK(client.read(7, 2) == pattern(7, 2, round));
    }
}

TEST_CASE("memory stays flat while interfaces come and go", "[system]") {
    const VethPair wire("flapping");
    const ImageFile image(64);
    RawClient client(wire);
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
    const auto flap = [&](int times) {
        for (int i = 0; i < times; ++i) {
            wire.destroy();
            wire.create(1500);
            client.rebind();
            REQUIRE(client.is_served_soon());
        }
    };
    flap(3);
    const std::size_t memory = target.resident_kib();
    const std::size_t descriptors = count_descriptors(target.pid());
    flap(10);
    CHECK(target.resident_kib() <= memory + kept_of_freed_kib + 512);
    CHECK(count_descriptors(target.pid()) <= descriptors);
}

TEST_CASE("an idle target uses no processor time", "[system]") {
    Scene scene;
    run_load(scene.client, 100);
    const auto ticks = [&] {
        std::ifstream file("/proc/" + std::to_string(scene.target.pid()) + "/stat");
        std::string text;
        std::getline(file, text);
        std::istringstream words(text.substr(text.rfind(')') + 2));
        std::string skipped;
        for (int i = 0; i < 11; ++i)
            words >> skipped;
        unsigned long user = 0, system = 0;
        words >> user >> system;
        return user + system;
    };
    scene.client.receive(Milliseconds(500)); // start-up advertisements are over
    const unsigned long before = ticks();
    scene.client.receive(Milliseconds(1000));
    CHECK(ticks() - before <= 1);
}

TEST_CASE("privileges: no capability but for packet sockets, no way to more, system calls filtered",
          "[system]") {
    const VethPair& wire = standard_wire();
    const ImageFile one(64), other(64);
    TargetProcess target({wire.target_end()},
                         {export_argument(1, 1, one.path()), export_argument(1, 2, other.path())},
                         {"--threads", "2"});
    RawClient client(wire);
    client.ask(config_request().to(1, 2)); // so that the second thread runs, too
    unsigned threads = 0;
    for (const auto& thread :
         std::filesystem::directory_iterator("/proc/" + std::to_string(target.pid()) + "/task")) {
        std::map<std::string, std::string> status;
        std::ifstream file(thread.path() / "status");
        for (std::string line; std::getline(file, line);)
            status[line.substr(0, line.find(':'))] = line.substr(std::min(line.size(), line.find(':') + 2));
        if (status["Name"].starts_with("iou-"))
            continue; // the kernel's own
        CAPTURE(status["Name"]);
        ++threads;
        constexpr const char* net_raw = "0000000000002000";
        CHECK(status["CapPrm"] == net_raw);
        CHECK(status["CapEff"] == net_raw);
        CHECK(status["CapBnd"] == "0000000000000000");
        CHECK(status["CapInh"] == "0000000000000000");
        CHECK(status["CapAmb"] == "0000000000000000");
        CHECK(status["NoNewPrivs"] == "1");
        if (target.log().find("built without libseccomp") == std::string::npos)
            CHECK(status["Seccomp"] == "2");
    }
    CHECK(threads == 2);
}

TEST_CASE("threads: each serves its part of the exports, even while the interface changes, and all end",
          "[system]") {
    const VethPair& wire = standard_wire();
    std::vector<std::unique_ptr<ImageFile>> images;
    std::vector<std::string> exports;
    for (unsigned slot = 0; slot < 5; ++slot) {
        images.push_back(std::make_unique<ImageFile>(64));
        exports.push_back(export_argument(1, slot, images.back()->path()));
    }
    RawClient client(wire);
    client.set_sentinel(config_request().to(1, 0));
    TargetProcess target({wire.target_end()}, exports, {"--threads", "3"});
    CHECK(target.log().find("thread 3: packet") != std::string::npos);
    const auto serve_all = [&](std::uint32_t round) {
        for (std::uint8_t slot = 0; slot < 5; ++slot) {
            const Bytes data = pattern(8 * slot, 2, 100 * round + slot);
            CHECK(client.ask(write_request(8 * slot, data).to(1, slot)).succeeded());
            CHECK(client.ask(read_request(8 * slot, 2).to(1, slot)).data() == data);
        }
    };
    serve_all(1);
    set_link(wire.target_end(), false);
    set_link(wire.target_end(), true);
    REQUIRE(client.wait_until([&] { // every thread notices by itself
        for (std::uint8_t slot = 0; slot < 5; ++slot) {
            if (!client.wait_for(client.send(config_request().to(1, slot)), Milliseconds(100)))
                return false;
        }
        return true;
    }));
    serve_all(2);
    target.stop();
    for (std::uint8_t slot = 0; slot < 5; ++slot)
        CHECK(images[slot]->read(8 * slot, 2) == pattern(8 * slot, 2, 200 + slot));
}

TEST_CASE(
    "where the kernel has little room for socket filters, many scattered exports are served all the same",
    "[system]") {
    const VethPair& wire = standard_wire();
    const std::string usual = filter_room();
    if (!set_filter_room("20480")) // as it was by default before Linux 6.7
        SKIP_BECAUSE("net.core.optmem_max cannot be set in this network namespace");
    {
        std::vector<std::unique_ptr<ImageFile>> images;
        std::vector<std::string> exports;
        for (unsigned shelf = 1; shelf <= 400; ++shelf) {
            images.push_back(std::make_unique<ImageFile>(8));
            exports.push_back(export_argument(2U * shelf, 3, images.back()->path()));
        }
        RawClient client(wire);
        client.set_sentinel(config_request().to(2, 3));
        const TargetProcess target({wire.target_end()}, exports);
        std::size_t announced = 0; // none of these is to come from the address that the interface had
        CHECK(client.wait_until([&] {
            announced += client.take_advertisements().size();
            return announced >= exports.size();
        }));
        set_mac(wire.target_end(), numbered_mac(0x77));
        client.rebind();
        for (const std::uint16_t shelf : std::initializer_list<std::uint16_t>{2, 400, 800})
            CHECK(client.ask(read_request(0, 2).to(shelf, 3)).data() == pattern(0, 2));
        client.expect_silence(config_request().to(3, 3));
    }
    CHECK(set_filter_room(usual));
}
