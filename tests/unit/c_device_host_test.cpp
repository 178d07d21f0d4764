// What a target does for a device of C.
#include "c_fixture.hpp"
#include "support/catch.hpp"

#include <array>
#include <cerrno>
#include <deque>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace aoetest;

namespace {

/// A volume whose operations end when a byte has come back through a socket. Its functions run on the thread
/// of the target, beside the test, so they count what goes wrong.
struct HostedVolume : CVolume {
    HostedVolume() {
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
        ops.set_host = [](void* user, aoetarget_device_host* its_host) {
            return static_cast<HostedVolume*>(user)->begin(its_host);
        };
        ops.destroy = [](void* user) {
            auto* volume = static_cast<HostedVolume*>(user);
            if (volume->host != nullptr)
                volume->unwatched = aoetarget_host_unwatch(volume->host, volume->ends[0]);
            destroy(static_cast<Fate*>(volume));
        };
        complete = [this](aoetarget_io* io) {
            waiting.push_back(io);
            expect(aoetarget_host_call_at_turn_end(
                       host, [](void* user) { static_cast<HostedVolume*>(user)->send(); }, nullptr, this,
                       nullptr) == 0);
        };
    }
    ~HostedVolume() {
        close(ends[0]);
        close(ends[1]);
    }

    int begin(aoetarget_device_host* its_host) {
        if (refuses)
            return -ECONNREFUSED;
        host = its_host;
        return aoetarget_host_watch(
            host, ends[0], POLLIN, [](void* user, short) { static_cast<HostedVolume*>(user)->answered(); },
            [](void* user) { ++static_cast<HostedVolume*>(user)->watch.destroyed; }, this);
    }
    void send() { expect(write(ends[1], "x", 1) == 1); }
    void answered() {
        char byte = 0;
        expect(read(ends[0], &byte, 1) == 1);
        aoetarget_io_complete(waiting.front(), 0);
        waiting.pop_front();
    }

    void expect(bool holds) { failures += holds ? 0 : 1; }

    std::atomic<int> failures{0};
    std::array<int, 2> ends{};
    std::deque<aoetarget_io*> waiting;
    aoetarget_device_host* host = nullptr;
    bool refuses = false;
    int unwatched = -1;
    Fate watch;
};

} // namespace

TEST_CASE("a volume of C serves through a socket that the target watches for it", "[c][device-host]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    HostedVolume volume;
    const aoetarget_export_options options = c_export(1, 1);
    Fate late, taken_back, posted;
    {
        CTarget target;
        REQUIRE(aoetarget_add_interface(target, wire.target_end().c_str(), nullptr, nullptr) == 0);
        REQUIRE(aoetarget_add_export(target, &options,
                                     aoetarget_create_device(&volume.ops, &volume.geometry, &volume)) == 0);
        CHECK(aoetarget_host_watch(volume.host, volume.ends[0], POLLIN, nullptr, nullptr, nullptr) == -EPERM);
        RunningCTarget running(target);
        RawClient client(wire);
        CHECK(client.read(5, 2) == pattern(5, 2));
        CHECK(aoetarget_host_unwatch(volume.host, volume.ends[0]) == -EPERM); // the loop is elsewhere
        CHECK(aoetarget_host_post(volume.host, Fate::call, Fate::destroy, &posted) == 0);
        running.on_its_thread([&] {
            std::uint64_t id = 0;
            CHECK(aoetarget_host_call_after(volume.host, 1, Fate::call, Fate::destroy, &late, nullptr) == 0);
            CHECK(aoetarget_host_call_after(volume.host, 1, Fate::call, Fate::destroy, &taken_back, &id) ==
                  0);
            CHECK(aoetarget_host_cancel_call(volume.host, id) == 0);
            CHECK(aoetarget_host_cancel_call(volume.host, id) == -ENOENT);
        });
        while (late.destroyed == 0)
            std::this_thread::sleep_for(Milliseconds(1));
    }
    CHECK(volume.failures == 0);
    CHECK(late.calls == 1);
    CHECK(taken_back.calls == 0);
    CHECK(taken_back.destroyed == 1);
    CHECK(posted.calls == 1);
    CHECK(volume.unwatched == 0); // within `destroy`, although no target runs there any more
    CHECK(volume.watch.destroyed == 1);
    CHECK(volume.destroyed == 1);
}

TEST_CASE("a device of C refuses to begin, and retires", "[c][device-host]") {
    const Patience patience;
    enter_test_network();
    HostedVolume refusing, volume;
    refusing.refuses = true;
    const aoetarget_export_options options = c_export(1, 1);
    CTarget target;
    CHECK(aoetarget_add_export(target, &options,
                               aoetarget_create_device(&refusing.ops, &refusing.geometry, &refusing)) ==
          -ECONNREFUSED);
    CHECK(refusing.destroyed == 1);
    REQUIRE(aoetarget_add_export(target, &options,
                                 aoetarget_create_device(&volume.ops, &volume.geometry, &volume)) == 0);
    RunningCTarget running(target);
    running.on_its_thread([&] {
        std::uint64_t sectors = 0;
        CHECK(aoetarget_host_capacity_changed(volume.host) == 0);
        CHECK(aoetarget_device_sectors(target, 1, 1, &sectors) == 0);
        CHECK(sectors == 2048);
        CHECK(aoetarget_host_retire(volume.host, "its server has deleted it.") == 0);
        CHECK(aoetarget_device_sectors(target, 1, 1, &sectors) == -ENOENT);
    });
    while (volume.destroyed == 0)
        std::this_thread::sleep_for(Milliseconds(1));
}

TEST_CASE("a target of C gives a device up that keeps an operation", "[c][device-host]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    static CVolume& volume = *new CVolume; // the target keeps what the device may still use
    aoetarget_io* held = nullptr;
    std::atomic<bool> is_held{false};
    volume.complete = [&](aoetarget_io* io) {
        held = io;
        is_held = true;
    };
    aoetarget_target_options options = AOETARGET_TARGET_OPTIONS_INIT;
    options.device_patience_ms = 100;
    aoetarget_target* target = aoetarget_create(&options);
    REQUIRE(target != nullptr);
    const aoetarget_export_options exported = c_export(1, 1);
    REQUIRE(aoetarget_add_interface(target, wire.target_end().c_str(), nullptr, nullptr) == 0);
    REQUIRE(aoetarget_add_export(target, &exported, volume.device()) == 0);
    RawClient client(wire);
    client.send(read_request(0, 1));
    while (!is_held)
        REQUIRE(aoetarget_poll(target) > 0);
    aoetarget_destroy(target);
    CHECK(volume.destroyed == 0);
    aoetarget_io_complete_from_any_thread(held, 0);
}
