// A target while its interfaces and exports come, go and change under load.
#include "support/catch.hpp"
#include "target_fixture.hpp"

#include <filesystem>

#include <net/if.h>
#include <sys/socket.h>

using namespace aoetest;
using aoetarget::ExportOptions;
using aoetarget::Target;

namespace {

/// The sockets of this process that have the kernel note when frames come.
unsigned stamping_sockets() {
    unsigned count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        int stamps = 0;
        socklen_t size = sizeof stamps;
        const int fd = std::stoi(entry.path().filename());
        if (getsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &stamps, &size) == 0 && stamps != 0)
            ++count;
    }
    return count;
}

/// Asks again and again, as an initiator would.
bool answers_again(RawClient& client, const Request& request = config_request()) {
    for (int attempt = 0; attempt < 300; ++attempt) {
        if (client.wait_for(client.send(request), Milliseconds(100)))
            return true;
    }
    return false;
}

} // namespace

TEST_CASE("statistics describe an interface and count its frames", "[target][network]") {
    ServedVolume scene;
    for (int i = 0; i < 10; ++i)
        scene.client.read(0, 2);
    scene.client.expect_silence(config_request().to(1, 2));           // stays in the kernel
    scene.client.expect_silence(config_request().to(every_shelf, 2)); // seen and ignored
    const aoetarget::Stats stats = scene.running.stats();
    REQUIRE(stats.interfaces.size() == 1);
    const aoetarget::InterfaceStats& interface = stats.interfaces[0];
    CHECK(interface.name == scene.wire.target_end());
    CHECK(interface.mac.bytes == scene.client.target_mac().octets);
    CHECK(interface.mtu == 1500);
    CHECK(interface.sectors_per_frame == 2);
    CHECK(interface.up);
    CHECK(interface.rx_frames == 13); // and two that prove the silence
    CHECK(interface.rx_ignored == 1);
    CHECK(interface.rx_dropped == 0);
    CHECK(interface.tx_frames >= 12);
    CHECK(interface.tx_errors == 0);
    CHECK(stats.exports.at(0).reads == 10);
}

TEST_CASE("statistics tell which link an interface has", "[target][network]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log;
    {
        RunningTarget running([&](Target& target) {
            target.add_interface(wire.target_end(), {.link = aoetarget::LinkKind::packet});
            target.add_export(at(1, 1), Volume::make(log));
        });
        RawClient client(wire);
        client.read(0, 2);
        CHECK(running.stats().interfaces.at(0).link == "packet");
    }
    RunningTarget running([&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), Volume::make(log));
    });
    RawClient client(wire);
    client.read(0, 2);
    const std::string link = running.stats().interfaces.at(0).link;
    CHECK((link == "xdp native" || link.starts_with("packet: "))); // where XDP is not allowed or not built
}

namespace {

/// A target that serves e1.1 on this wire as an interface gets it, and an initiator that was answered.
struct LaneScene {
    explicit LaneScene(const VethPair& wire)
        : running([&](Target& target) {
              target.add_interface(wire.target_end());
              target.add_export(at(1, 1), Volume::make(log));
          }),
          client(wire) {
        client.read(0, 2);
    }

    bool has_xdp() { return running.stats().interfaces.at(0).link == "xdp native"; }

    VolumeLog log;
    RunningTarget running;
    RawClient client;
};

} // namespace

TEST_CASE("a host that keeps its capabilities has XDP again where it was lost", "[target][network]") {
    const Patience patience;
    const VethPair wire("again");
    LaneScene scene(wire);
    RunningTarget& running = scene.running;
    RawClient& client = scene.client;
    const auto has_xdp = [&] { return scene.has_xdp(); };
    if (!has_xdp())
        SKIP_BECAUSE("has no XDP here");
    for (int round = 0; round < 3; ++round) { // to larger slots on the same queue, then to a new interface
        wire.set_mtu(3500);
        CHECK(client.wait_until([&] { return running.stats().interfaces.at(0).mtu == 3500 && has_xdp(); }));
        CHECK(client.read(3, 6) == pattern(3, 6));
        wire.destroy();
        CHECK(client.wait_until([&] { return !has_xdp(); }));
        wire.create(1500);
        client.rebind();
        CHECK(answers_again(client));
        CHECK(client.wait_until(has_xdp));
        CHECK(client.read(3, 2) == pattern(3, 2));
    }
}

TEST_CASE("an interface that is made anew with the same index, before anybody looks, has XDP again",
          "[target][network]") {
    const Patience patience;
    const VethPair wire("reused");
    LaneScene scene(wire);
    RunningTarget& running = scene.running;
    RawClient& client = scene.client;
    const auto has_xdp = [&] { return scene.has_xdp(); };
    if (!has_xdp())
        SKIP_BECAUSE("has no XDP here");
    running.on_its_thread([&](Target&) {
        const std::string index = std::to_string(if_nametoindex(wire.target_end().c_str()));
        wire.destroy();
        run_ip({"link", "add", wire.target_end(), "index", index, "type", "veth", "peer", "name",
                wire.client_end()});
        set_link(wire.target_end(), true);
        set_link(wire.client_end(), true);
    });
    client.rebind();
    CHECK(answers_again(client));
    CHECK(client.wait_until(has_xdp));
    CHECK(client.read(3, 2) == pattern(3, 2));
}

TEST_CASE("frames that wait in the packet socket when a lane is opened come before those of the lane",
          "[target][network]") {
    const Patience patience;
    constexpr std::uint32_t writes = 200; // more than a turn takes from the socket
    const VethPair& wire = standard_wire();
    VolumeLog log;
    RawClient client(wire);
    const auto write_all = [&](std::uint32_t version) {
        std::vector<std::uint32_t> tags;
        for (std::uint32_t lba = 0; lba < writes; ++lba)
            tags.push_back(client.send(write_request(lba, pattern(lba, 1, version)).to(1, 2)));
        return tags;
    };
    std::optional<RunningTarget> first(std::in_place, [&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), Volume::make(log));
    });
    if (first->stats().interfaces.at(0).link != "xdp native")
        SKIP_BECAUSE("has no XDP here");
    std::vector<std::uint32_t> tags;
    std::thread end_of_first;
    const auto set_up_second = [&](Target& target) {
        target.add_export(at(1, 2), Volume::make(log));
        end_of_first = std::thread([&] {
            std::this_thread::sleep_for(Milliseconds(200)); // the socket of the second is there now
            tags = write_all(1);
            first.reset();
        });
        target.add_interface(wire.target_end()); // waits for the lane of the first
        end_of_first.join();
        for (const std::uint32_t tag : write_all(2))
            tags.push_back(tag);
    };
    RunningTarget second(set_up_second, {.buffer_count = 2 * writes}); // one client has them all under way
    CHECK(second.stats().interfaces.at(0).link == "xdp native");
    for (const std::uint32_t tag : tags)
        CHECK(client.wait_for(tag));
    for (std::uint32_t lba = 0; lba < writes; ++lba)
        CHECK(client.ask(read_request(lba, 1).to(1, 2)).data() == pattern(lba, 1, 2));
}

TEST_CASE("an interface that goes down and comes up again is served again", "[target][network]") {
    ServedVolume scene;
    scene.client.ask(config_request());
    for (int i = 0; i < 5; ++i) {
        set_link(scene.wire.target_end(), false);
        scene.client.wait_until([&] { return !scene.running.stats().interfaces.at(0).up; });
        set_link(scene.wire.target_end(), true);
        CHECK(answers_again(scene.client));
    }
}

TEST_CASE("a request that could not be answered while the interface was down is not answered later",
          "[target][network]") {
    ServedVolume scene(Volume::Way::worker);
    scene.client.ask(config_request());
    const auto is_up = [&] { return scene.running.stats().interfaces.at(0).up; };
    scene.log.held = true;
    std::vector<std::uint32_t> tags;
    for (unsigned i = 0; i < 20; ++i)
        tags.push_back(scene.client.send(read_request(4 * i, 2)));
    REQUIRE(scene.client.wait_until(
        [&] { return scene.running.stats().exports.at(0).in_flight == tags.size(); }));
    set_link(scene.wire.target_end(), false);
    REQUIRE(scene.client.wait_until([&] { return !is_up(); }));
    scene.log.held = false;
    CHECK(scene.client.wait_until(
        [&] { return scene.running.stats().interfaces.at(0).tx_errors == tags.size(); }));
    set_link(scene.wire.target_end(), true);
    CHECK(answers_again(scene.client));
    scene.client.settle();
    for (const std::uint32_t tag : tags)
        CHECK(scene.client.answers_to(tag) == 0);
}

TEST_CASE("another MTU is used as soon as it is set, larger or smaller", "[target][network]") {
    ServedVolume scene;
    struct Row {
        unsigned mtu, advertised, fitting; ///< Sectors that are advertised, and that fit.
    };
    const Row table[] = {
        {9000, 16, 17}, {1500, 2, 2}, {4200, 8, 8}, {9000, 16, 17}, {16110, 24, 31}, {1060, 2, 2},
    };
    for (const Row& row : table) {
        scene.wire.set_mtu(row.mtu);
        CAPTURE(row.mtu);
        REQUIRE(
            scene.client.wait_until([&] { return scene.running.stats().interfaces.at(0).mtu == row.mtu; }));
        CHECK(scene.client.ask(config_request()).sectors_per_frame() == row.advertised);
        CHECK(scene.client.read(3, static_cast<std::uint8_t>(row.fitting)) == pattern(3, row.fitting));
        scene.client.write(3, pattern(3, row.fitting));
    }
    CHECK(scene.running.stats().interfaces.at(0).rx_oversized == 0);
    scene.wire.set_mtu(1500);
}

TEST_CASE("the MTU changes while requests are under way", "[target][network]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    wire.set_mtu(9000);
    VolumeLog log;
    RunningTarget running([&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), Volume::make(log, 2048, Volume::Way::worker));
    });
    RawClient client(wire);
    client.ask(config_request());
    log.held = true;
    std::vector<std::uint32_t> tags;
    for (unsigned i = 0; i < 20; ++i)
        tags.push_back(client.send(read_request(17 * i, 17)));
    REQUIRE(client.wait_until([&] { return log.operations > 0; }));
    client.settle();
    wire.set_mtu(1500);
    REQUIRE(client.wait_until([&] { return running.stats().interfaces.at(0).mtu == 1500; }));
    log.held = false;
    for (const std::uint32_t tag : tags) {
        const auto reply = client.wait_for(tag);
        REQUIRE(reply);
        CHECK(reply->ata_error() == error_abort);
        CHECK(reply->count() == 17);
    }
    CHECK(client.read(0, 2) == pattern(0, 2));
}

TEST_CASE("an interface that is destroyed and made anew is served again", "[target][network]") {
    const Patience patience;
    const VethPair wire("anew");
    VolumeLog log;
    RunningTarget running([&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), Volume::make(log));
    });
    RawClient client(wire);
    client.ask(config_request());
    for (int i = 0; i < 3; ++i) {
        wire.destroy();
        CHECK(client.wait_until([&] { return !running.stats().interfaces.at(0).up; }));
        wire.create(1500);
        client.rebind();
        CHECK(answers_again(client));
        client.read(0, 2);
    }
}

TEST_CASE("an interface is removed with requests under way and added again", "[target][network]") {
    ServedVolume scene(Volume::Way::worker);
    for (std::uint32_t round = 1; round <= 5; ++round) {
        scene.client.ask(config_request());
        scene.log.held = true;
        const unsigned before = scene.log.operations;
        std::vector<std::uint32_t> tags;
        for (std::uint32_t i = 0; i < 10; ++i)
            tags.push_back(scene.client.send(write_request(4 * i, pattern(4 * i, 2, round))));
        REQUIRE(scene.client.wait_until([&] { return scene.log.operations > before; }));
        scene.client.settle();
        scene.running.on_its_thread(
            [&](Target& target) { target.remove_interface(scene.wire.target_end()); });
        scene.log.held = false;
        scene.client.receive(Milliseconds(50));
        for (const std::uint32_t tag : tags)
            CHECK(scene.client.answers_to(tag) == 0);
        scene.running.on_its_thread([&](Target& target) { target.add_interface(scene.wire.target_end()); });
        CHECK(scene.client.read(0, 2) == pattern(0, 2, round)); // finished though not answered
        CHECK(scene.client.read(36, 2) == pattern(36, 2, round));
    }
    CHECK(scene.running.stats().interfaces.size() == 1);
}

TEST_CASE("times of arrival are asked for only as long as there are several interfaces",
          "[target][network]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    wire.set_mtu(9000);
    const VethPair second("second");
    VolumeLog log;
    const aoetarget::InterfaceOptions packet{.link = aoetarget::LinkKind::packet};
    RunningTarget running([&](Target& target) {
        target.add_interface(wire.target_end(), packet);
        target.add_export(at(1, 1), Volume::make(log));
    });
    RawClient client(wire);
    RawClient other(second);
    for (std::uint32_t round = 1; round <= 10; ++round) {
        client.write(round, pattern(round, 17, 2 * round));
        CHECK(stamping_sockets() == 0);
        running.on_its_thread([&](Target& target) { target.add_interface(second.target_end(), packet); });
        CHECK(client.wait_until([&] {
            client.write(round, pattern(round, 17, 2 * round + 1));
            return stamping_sockets() == 2;
        }));
        CHECK(other.read(round, 2) == pattern(round, 2, 2 * round + 1));
        other.write(round + 4, pattern(round + 4, 2, 3 * round));
        CHECK(client.read(round + 4, 2) == pattern(round + 4, 2, 3 * round));
        running.on_its_thread([&](Target& target) { target.remove_interface(second.target_end()); });
        CHECK(client.wait_until([&] {
            client.write(round, pattern(round, 17, 2 * round + 1));
            return stamping_sockets() == 0;
        }));
    }
    CHECK(running.stats().interfaces.at(0).rx_dropped == 0);
    wire.set_mtu(1500);
}

TEST_CASE("exports and interfaces come and go under load", "[target][network]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    const VethPair second("second");
    VolumeLog log;
    std::deque<VolumeLog> logs;
    RunningTarget running([&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), Volume::make(log, 2048, Volume::Way::worker));
    });
    RawClient client(wire);
    client.ask(config_request());
    std::atomic<bool> ending{false};
    std::thread changer([&] {
        for (unsigned i = 0; !ending; ++i) {
            VolumeLog& fresh = logs.emplace_back();
            running.on_its_thread([&](Target& target) {
                const ExportOptions options = at(1 + i % 3, 2);
                target.remove_export(options.address);
                target.add_export(
                    options,
                    Volume::make(fresh, 64, i % 2 == 0 ? Volume::Way::worker : Volume::Way::at_once));
                if (i % 2 == 0)
                    target.add_interface(second.target_end());
                else
                    target.remove_interface(second.target_end());
            });
            std::this_thread::sleep_for(Milliseconds(5));
        }
    });
    for (std::uint32_t i = 1; i <= 300; ++i) {
        const Bytes data = pattern(i, 2, i);
        client.write(i, data);
        CHECK(client.read(i, 2) == data);
    }
    ending = true;
    changer.join();
    running.end();
    CHECK(logs.size() > 3);
}

TEST_CASE("a removed export is flushed and destroyed while the others continue", "[target][network]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log, other_log;
    RunningTarget running([&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), Volume::make(log, 2048, Volume::Way::worker));
        target.add_export(at(1, 2), Volume::make(other_log));
    });
    RawClient client(wire);
    client.set_sentinel(config_request().to(1, 2));
    client.settle();
    log.held = true;
    const std::uint32_t write = client.send(write_request(0, pattern(0, 2, 1)));
    REQUIRE(client.wait_until([&] { return log.operations == 1; }));
    running.on_its_thread([](Target& target) { CHECK(target.remove_export({1, 1})); });
    client.settle();
    CHECK(log.exists);
    log.held = false;
    const auto reply = client.wait_for(write);
    REQUIRE(reply);
    CHECK(reply->succeeded());
    CHECK(client.wait_until([&] { return !log.exists; }));
    CHECK(log.flushes == 1);
}
