// The ways to drive a target: run() and stop(), a host's own loop, completions from other threads.
#include "support/backing.hpp"
#include "support/catch.hpp"
#include "support/ring_faults.hpp"
#include "target_fixture.hpp"

#include <csignal>

#include <poll.h>

using namespace aoetest;
using aoetarget::Target;

namespace {

/// Reads and writes here and there; every answer must be right.
void exercise(RawClient& client, unsigned rounds, unsigned shelf = 1, unsigned slot = 1) {
    const auto to = [&](Request request) {
        return request.to(static_cast<std::uint16_t>(shelf), static_cast<std::uint8_t>(slot));
    };
    for (unsigned i = 0; i < rounds; ++i) {
        const std::uint64_t lba = (i * 37) % 1000;
        const Bytes data = pattern(lba, 2, i + 1);
        if (!client.ask(to(write_request(lba, data))).succeeded() ||
            client.ask(to(read_request(lba, 2))).data() != data) {
            report_failure("round " + std::to_string(i) + " went wrong");
            return;
        }
    }
}

std::atomic<Target*> target_of_signal{nullptr};

} // namespace

TEST_CASE("run() serves until stop() from another thread, then flushes", "[target][loop]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    const auto way = GENERATE(Volume::Way::at_once, Volume::Way::worker);
    VolumeLog log;
    {
        RunningTarget running([&](Target& target) {
            target.add_interface(wire.target_end());
            target.add_export(at(1, 1), Volume::make(log, 2048, way));
        });
        RawClient client(wire);
        exercise(client, 100);
        CHECK(log.flushes == 0);
        CHECK_FALSE(running.ended());
        running.end();
        CHECK(log.flushes == 1);
        CHECK(log.exists); // it is destroyed with the target
    }
    CHECK_FALSE(log.exists);
}

TEST_CASE("run() returns on stop() from a signal handler", "[target][loop]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log;
    Target target;
    target.add_interface(wire.target_end());
    target.add_export(at(1, 1), Volume::make(log));
    target_of_signal = &target;
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) { target_of_signal.load()->stop(); };
    sigaction(SIGUSR1, &action, &before);
    const pthread_t self = pthread_self();
    std::thread sender([&] {
        std::this_thread::sleep_for(Milliseconds(50));
        pthread_kill(self, SIGUSR1);
    });
    target.run();
    sender.join();
    sigaction(SIGUSR1, &before, nullptr);
    CHECK(log.flushes == 1);
}

TEST_CASE("a target that was stopped before it ran returns at once", "[target][loop]") {
    const Patience patience;
    VolumeLog log;
    Target target;
    target.add_export(at(1, 1), Volume::make(log));
    target.stop();
    target.run();
    CHECK(log.flushes == 1);
    CHECK_FALSE(target.poll());
    target.run(); // nothing is left to do
}

TEST_CASE("stop() waits for the devices, a second stop() does not", "[target][loop]") {
    ServedVolume scene(Volume::Way::worker);
    scene.client.ask(config_request());
    scene.log.held = true;
    const std::uint32_t write = scene.client.send(write_request(4, pattern(4, 1, 1)));
    REQUIRE(scene.client.wait_until([&] { return scene.log.operations == 1; }));
    scene.running.target().stop();
    std::this_thread::sleep_for(Milliseconds(50));
    CHECK_FALSE(scene.running.ended());

    if (GENERATE(true, false)) {
        scene.log.held = false;
        scene.running.join();
        CHECK(scene.log.flushes == 1);
        CHECK(scene.client.wait_for(write)); // what was under way is answered
    } else {
        scene.running.target().stop();
        scene.running.join();
        CHECK(scene.log.operations == 1);
        scene.log.held = false; // the destructor waits for it
    }
}

TEST_CASE("a stopped target answers nothing any more", "[target][loop]") {
    ServedVolume scene;
    scene.client.ask(config_request());
    scene.running.end();
    const std::uint32_t tag = scene.client.send(config_request());
    scene.client.receive(Milliseconds(100));
    CHECK(scene.client.answers_to(tag) == 0);
}

TEST_CASE("a host's own loop drives the target through fd() and poll()", "[target][loop]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    const auto way = GENERATE(Volume::Way::at_once, Volume::Way::worker);
    VolumeLog log;
    Target target;
    target.add_interface(wire.target_end());
    target.add_export(at(1, 1), Volume::make(log, 2048, way));
    std::atomic<bool> ended{false};
    std::thread host([&] {
        while (target.poll())
            readable(target.fd(),
                     -1); // sleeps for ever if the target does not say that there is something to do
        ended = true;
    });
    RawClient client(wire);
    exercise(client, 100);
    CHECK_FALSE(ended);
    target.stop();
    host.join();
    CHECK(log.flushes == 1);
}

TEST_CASE("an idle target leaves its host alone", "[target][loop]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log;
    Target target;
    target.add_interface(wire.target_end());
    target.add_export(at(1, 1), Volume::make(log));
    target.poll();
    const auto end =
        std::chrono::steady_clock::now() + Milliseconds(600); // the announcements are over by then
    while (std::chrono::steady_clock::now() < end) {
        readable(target.fd(), 50);
        target.poll();
    }
    int turns = 0;
    while (readable(target.fd(), 300) && turns < 100) {
        target.poll();
        ++turns;
    }
    CHECK(turns == 0);
}

TEST_CASE("a host that sleeps on fd() is woken by changes that it asked for itself", "[target][loop]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    const VethPair second("second");
    VolumeLog log, other_log;
    Target target;
    target.add_interface(wire.target_end());
    target.add_export(at(1, 1), Volume::make(log));
    const auto until_quiet = [&] {
        while (readable(target.fd(), 250))
            target.poll();
    };
    target.poll();
    until_quiet();
    const std::string what =
        GENERATE(values<std::string>({"export", "interface", "removed export", "watch"}));
    CAPTURE(what);
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    RawClient client(what == "interface" ? second : wire);
    bool called = false;
    if (what == "export")
        target.add_export(at(1, 2), Volume::make(other_log));
    if (what == "interface")
        target.add_interface(second.target_end());
    if (what == "removed export")
        target.remove_export({1, 1});
    if (what == "watch") {
        target.watch(ends[0], [&] {
            char byte;
            called = read(ends[0], &byte, 1) == 1;
        });
        REQUIRE(write(ends[1], "x", 1) == 1);
    }
    CHECK(readable(target.fd(), 1000));
    until_quiet();
    if (what == "export" || what == "interface") {
        client.receive(Milliseconds(0));
        CHECK_FALSE(client.take_advertisements().empty());
    }
    if (what == "removed export")
        CHECK_FALSE(log.exists);
    if (what == "watch")
        CHECK(called);
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("poll() does a bounded amount of work and never waits", "[target][loop]") {
    const Patience patience;
    Target target;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 1000; ++i)
        CHECK(target.poll());
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

TEST_CASE("a watch is called on the target's thread and may change the target", "[target][loop]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log, other_log;
    RunningTarget running([&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), Volume::make(log));
    });
    RawClient client(wire);
    client.ask(config_request());
    running.on_its_thread([&](Target& target) {
        target.add_export(at(2, 7), Volume::make(other_log));
        CHECK(target.remove_export({1, 1}));
    });
    client.set_sentinel(config_request().to(2, 7));
    exercise(client, 10, 2, 7);
    client.expect_silence(config_request());
    CHECK_FALSE(log.exists);
    CHECK(log.flushes == 1);
    CHECK(running.stats().exports.size() == 1);
}

TEST_CASE("two targets on two threads share nothing", "[target][loop]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    const VethPair second("second");
    VolumeLog log, other_log;
    RunningTarget one([&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), Volume::make(log, 2048, Volume::Way::worker));
    });
    RunningTarget two([&](Target& target) {
        target.add_interface(second.target_end());
        target.add_export(at(1, 1), Volume::make(other_log, 2048, Volume::Way::worker));
    });
    RawClient client(wire), other_client(second);
    for (int i = 0; i < 20; ++i) {
        exercise(client, 10);
        exercise(other_client, 10);
    }
    one.end();
    exercise(other_client, 10);
    CHECK(one.ended());
    CHECK_FALSE(two.ended());
}

TEST_CASE("many requests at once are completed by a worker in any order", "[target][loop]") {
    ServedVolume scene(Volume::Way::worker);
    for (std::uint32_t round = 1; round <= 20; ++round) {
        scene.log.held = true; // let them pile up, and overlap
        std::vector<std::uint32_t> tags;
        for (std::uint32_t i = 0; i < 40; ++i)
            tags.push_back(scene.client.send(write_request(i, pattern(i, 2, round * 100 + i))));
        scene.log.held = false;
        for (const std::uint32_t tag : tags) {
            const auto reply = scene.client.wait_for(tag);
            REQUIRE(reply);
            CHECK(reply->succeeded());
        }
        for (std::uint32_t i = 0; i < 40; ++i)
            CHECK(scene.client.read(i, 1) == pattern(i, 1, round * 100 + i));
    }
    CHECK(scene.running.stats().exports.at(0).in_flight == 0);
}

TEST_CASE("a host that sleeps on fd() leaves no answer behind, however many leave at once",
          "[target][loop]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    const auto kind = GENERATE(aoetarget::LinkKind::packet, aoetarget::LinkKind::automatic);
    VolumeLog log;
    Target target;
    target.add_interface(wire.target_end(), {.link = kind});
    target.add_export(at(1, 1), Volume::make(log, 2048, Volume::Way::worker));
    const auto until_quiet = [&] {
        while (readable(target.fd(), 250))
            target.poll();
    };
    target.poll();
    until_quiet();
    RawClient client(wire);
    log.held = true;
    std::vector<std::uint32_t> tags;
    for (unsigned i = 0; i < 64; ++i)
        tags.push_back(client.send(read_request(std::uint64_t{i} * 8, 1)));
    until_quiet();
    REQUIRE(log.operations == 64);
    log.held = false;
    std::this_thread::sleep_for(Milliseconds(100)); // the worker completes them all
    until_quiet();
    for (const std::uint32_t tag : tags)
        CHECK(client.wait_for(tag, Milliseconds(100)));
}

TEST_CASE("an address is not given away while the state of its last export is being saved",
          "[target][loop]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    const ScratchFolder folder;
    VolumeLog log, other_log;
    Target target({.state_directory = folder.path()});
    target.add_interface(wire.target_end());
    target.add_export(at(1, 1), Volume::make(log));
    const auto take_turns = [&] {
        while (readable(target.fd(), 250))
            target.poll();
    };
    take_turns();
    RawClient client(wire);
    client.send(reserve_request(reserve_set, {client.mac()}));
    REQUIRE(readable(target.fd(), 1000));
    target.poll(); // the save has begun
    target.remove_export({1, 1});
    bool refused = false;
    for (int tries = 0; tries < 100; ++tries) {
        try {
            target.add_export(at(1, 1), Volume::make(other_log));
            break;
        } catch (const std::system_error& error) {
            refused = true;
            CHECK(error.code() == std::errc::device_or_resource_busy);
        }
        readable(target.fd(), 25);
        target.poll();
    }
    INFO("refused: " << refused); // unless the disk was that fast
    take_turns();
    CHECK_FALSE(log.exists); // flushed and destroyed
    const auto question = client.send(reserve_request(reserve_read, {}));
    REQUIRE(readable(target.fd(), 1000));
    take_turns();
    const auto reservation = client.wait_for(question);
    REQUIRE(reservation);
    CHECK(reservation->bytes[25] == 1); // the new export has what was saved of the old one
    target.stop();
    bool ended = false;
    for (int i = 0; i < 100 && !ended; ++i) {
        readable(target.fd(), 25);
        ended = !target.poll();
    }
    CHECK(ended);
}

TEST_CASE("a target stops though the kernel does not find what is to be cancelled at once",
          "[target][loop]") {
    constexpr int missed = 5;
    const std::string what = GENERATE(values<std::string>({"a link", "a removed link", "no link"}));
    CAPTURE(what);
    const Patience patience;
    const VethPair& wire = standard_wire();
    RunningTarget running([&](Target& target) {
        if (what != "no link")
            target.add_interface(wire.target_end(), {.link = aoetarget::LinkKind::packet});
    });
    CHECK(running.stats().exports.empty()); // from now on everything is under way
    ring_faults.missed_cancels = missed;
    if (what == "a removed link")
        running.on_its_thread([&](Target& target) { target.remove_interface(wire.target_end()); });
    running.end();
    CHECK(ring_faults.missed_cancels == 0);
}

TEST_CASE("a target that ran on another thread is destroyed beside one that serves on this",
          "[target][loop]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    VolumeLog log;
    Target target;
    target.add_interface(wire.target_end());
    target.add_export(at(1, 1), Volume::make(log));
    target.poll();
    {
        Target other;
        std::thread([&] {
            other.poll();
            other.stop();
            other.run();
        }).join();
    }
    const std::uint32_t tag = client.send(read_request(3, 1));
    while (client.answers_to(tag) == 0) {
        target.poll();
        client.receive(Milliseconds(1));
    }
}
