// Interfaces that come and go while a device does not answer, and so holds some of the memory of each.
#include "support/catch.hpp"
#include "target_fixture.hpp"

#include <fstream>

using namespace aoetest;
using aoetarget::Target;

namespace {

/// Of address space, of this process.
std::size_t mapped_bytes() {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// A device that hangs, as e1.1, and one that does not, as e1.2.
struct HungAndSound {
    explicit HungAndSound(const VethPair& wire)
        : running([&](Target& target) {
              target.add_interface(wire.target_end());
              target.add_export(at(1, 1), Volume::make(hung_log, 2048, Volume::Way::worker));
              target.add_export(at(1, 2), Volume::make(log));
          }),
          client(wire) {
        client.set_sentinel(config_request().to(1, 2));
        hung_log.held = true;
    }
    /// One more request that does not end.
    void hang() {
        const unsigned before = hung_log.operations;
        client.send(read_request(8 * before, 2));
        CHECK(client.wait_until([&] { return hung_log.operations > before; }));
    }
    /// Asks again and again, as an initiator would.
    bool serves(const Request& request) {
        for (int attempt = 0; attempt < 300; ++attempt) {
            if (client.wait_for(client.send(request), Milliseconds(100)))
                return true;
        }
        return false;
    }

    Patience patience;
    VolumeLog hung_log, log;
    RunningTarget running;
    RawClient client;
};

} // namespace

TEST_CASE("an interface that is removed and added while a device hangs takes no more memory than some",
          "[target][memory]") {
    const VethPair& wire = standard_wire();
    HungAndSound scene(wire);
    std::size_t before = 0;
    for (int round = 0; round < 30; ++round) { // as many requests as an export owns that hangs, and fewer
        scene.hang();
        scene.running.on_its_thread([&](Target& target) {
            target.remove_interface(wire.target_end());
            target.add_interface(wire.target_end());
        });
        CHECK(scene.serves(read_request(4, 2).to(1, 2)));
        if (round == 9)
            before = mapped_bytes();
    }
    CHECK(mapped_bytes() < before + (std::size_t{32} << 20)); // else 2 MiB and more each time
    scene.hung_log.held = false;
    CHECK(scene.serves(read_request(4, 2)));
}

TEST_CASE("an interface that is made anew while a device hangs is served, and has XDP again in the end",
          "[target][memory]") {
    const VethPair wire("hung");
    HungAndSound scene(wire);
    const auto link = [&] { return scene.running.stats().interfaces.at(0).link; };
    if (link() != "xdp native")
        SKIP_BECAUSE("has no XDP here");
    std::size_t before = 0;
    for (int round = 0; round < 12; ++round) {
        scene.hang();
        wire.destroy();
        CHECK(scene.client.wait_until([&] { return !scene.running.stats().interfaces.at(0).up; }));
        wire.create(1500);
        scene.client.rebind();
        CHECK(scene.serves(read_request(4, 2).to(1, 2)));
        if (round < 3)
            CHECK(scene.client.wait_until([&] { return link() == "xdp native"; }));
        if (round == 5)
            before = mapped_bytes();
    }
    CHECK(link().starts_with("packet: devices that do not answer"));
    CHECK(mapped_bytes() < before + (std::size_t{16} << 20));
    scene.hung_log.held = false;
    CHECK(scene.serves(read_request(4, 2)));
    CHECK(scene.client.wait_until([&] {
        scene.client.ask(read_request(4, 2).to(1, 2));
        return link() == "xdp native";
    }));
    CHECK(scene.client.ask(read_request(4, 2)).data() == pattern(4, 2));
}
