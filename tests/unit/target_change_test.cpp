// Exports and interfaces get other options while a target serves them.
#include "support/catch.hpp"
#include "target_fixture.hpp"

#include <aoetarget/hand_over.hpp>

#include <system_error>

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::Event;
using aoetarget::EventKind;
using aoetarget::ExportOptions;
using aoetarget::InterfaceOptions;
using aoetarget::LinkKind;
using aoetarget::Target;

namespace {

/// Returns the error and its text.
std::pair<int, std::string> error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const std::system_error& error) {
        return {error.code().value(), error.what()};
    }
    return {};
}

/// Writes and reads what was written, each answered without a repetition.
void exercise(RawClient& client, std::uint32_t rounds) {
    for (std::uint32_t i = 1; i <= rounds; ++i) {
        const Bytes data = pattern(i % 500, 2, i);
        client.write(i % 500, data);
        CHECK(client.read(i % 500, 2) == data);
    }
}

/// What Query Config tells on this wire; asks again like an initiator, while an interface changes.
Reply config_of(RawClient& client) {
    return client.ask(config_request());
}

} // namespace

TEST_CASE("what initiators know a disk by cannot change, and a bad change changes nothing",
          "[target][change]") {
    VolumeLog log;
    Target target;
    ExportOptions options = at(1, 1);
    options.serial = "S1";
    options.model = "disk";
    target.add_export(options, Volume::make(log));
    CHECK(target.change_export(options));
    ExportOptions other = options;
    other.serial = "";
    CHECK(target.change_export(other)); // the present one
    other.serial = "S2";
    const auto serial = error_of([&] { target.change_export(other); });
    CHECK(serial.first == EINVAL);
    CHECK(serial.second.find(
              R"(export e1.1: its serial number is "S1" and cannot become "S2", because initiators know)") ==
          0);
    other = options;
    other.model = "another disk";
    CHECK(error_of([&] { target.change_export(other); }).first == EINVAL);
    other = options;
    other.device_timeout = -1ms;
    CHECK(error_of([&] { target.change_export(other); }).first == EINVAL);
    CHECK_FALSE(target.change_export(at(1, 2)));
    CHECK(target.stats().exports.at(0).serial == "S1");
    target.stop();
    CHECK(error_of([&] { target.change_export(options); }).first == ECANCELED);
    CHECK(error_of([&] { target.change_interface("eth0", {}); }).first == ECANCELED);
}

TEST_CASE("an export moves from one interface to another while it serves", "[target][change]") {
    const Patience patience;
    const LinkKind kind = GENERATE(LinkKind::packet, LinkKind::automatic);
    const VethPair& wire = standard_wire();
    const VethPair second("second");
    VolumeLog log, other_log;
    std::atomic<unsigned> changes = 0;
    aoetarget::TargetOptions heard;
    heard.on_event = [&](const Event& event) {
        if (event.kind == EventKind::export_changed && event.subject == "e1.1")
            ++changes;
    };
    ExportOptions options = at(1, 1);
    options.interfaces = {wire.target_end()};
    RunningTarget running(
        [&](Target& target) {
            target.add_interface(wire.target_end(), {.link = kind});
            target.add_interface(second.target_end(), {.link = kind});
            target.add_export(options, Volume::make(log));
            target.add_export(at(1, 2), Volume::make(other_log));
        },
        heard);
    RawClient client(wire), other(second);
    for (RawClient* each : {&client, &other})
        each->set_sentinel(config_request().to(1, 2));
    for (int round = 0; round < 3; ++round) {
        CHECK(client.read(4, 2) == pattern(4, 2));
        other.expect_silence(config_request());
        other.expect_silence(read_request(4, 2));
        other.take_advertisements();
        options.interfaces = {second.target_end()};
        running.on_its_thread([&](Target& target) { CHECK(target.change_export(options)); });
        CHECK(other.read(4, 2) == pattern(4, 2));
        client.expect_silence(read_request(4, 2));
        const auto is_advertised = [&] { return !other.take_advertisements().empty(); };
        CHECK(other.wait_until(is_advertised));
        options.interfaces = {wire.target_end()};
        running.on_its_thread([&](Target& target) { CHECK(target.change_export(options)); });
    }
    CHECK(client.wait_until([&] { return changes > 0; }));
}

TEST_CASE("a shorter timeout answers what a device has kept for long", "[target][change]") {
    ServedVolume scene(Volume::Way::worker);
    scene.log.held = true;
    const std::uint32_t read = scene.client.send(read_request(4, 2));
    REQUIRE(scene.client.wait_until([&] { return scene.log.operations == 1; }));
    ExportOptions options = at(1, 1);
    options.device_timeout = 1ms;
    scene.running.on_its_thread([&](Target& target) { CHECK(target.change_export(options)); });
    const auto reply = scene.client.wait_for(read, Milliseconds(10000)); // nothing else wakes the target
    REQUIRE(reply);
    CHECK(reply->status() == status_fault);
    scene.log.held = false;
}

TEST_CASE("a device may change its own export from within submit()", "[target][change]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    Target* the_target = nullptr;
    struct Changing final : aoetarget::BlockDevice {
        explicit Changing(Target*& target) : target_(target) {}
        [[nodiscard]] aoetarget::Geometry geometry() const override {
            aoetarget::Geometry geometry;
            geometry.sectors = 64;
            return geometry;
        }
        void submit(aoetarget::Io& io) override {
            if (io.op == aoetarget::Io::Op::read) {
                ExportOptions options = at(1, 1);
                options.allow = {{{{0xFE, 0, 0, 0, 0, 0}}, 6}};
                target_->change_export(options);
                target_->change_interface(standard_wire().target_end(), {.buffer_count = 5});
            }
            io.complete();
        }
        Target*& target_;
    };
    VolumeLog log;
    RunningTarget running([&](Target& target) {
        the_target = &target;
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), std::make_unique<Changing>(the_target));
    });
    RawClient client(wire);
    CHECK(client.ask(read_request(4, 2)).succeeded()); // it was taken before
    running.on_its_thread([&](Target& target) { target.add_export(at(1, 2), Volume::make(log)); });
    client.set_sentinel(config_request().to(1, 2));
    client.expect_silence(read_request(4, 2));
    running.end();
}

TEST_CASE("an interface tells its new buffer count and sectors per frame at once", "[target][change]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log;
    std::vector<std::string> changed;
    aoetarget::TargetOptions heard;
    heard.on_event = [&](const Event& event) {
        if (event.kind == EventKind::interface_changed)
            changed.push_back(event.subject);
    };
    RunningTarget running(
        [&](Target& target) {
            target.add_interface(wire.target_end());
            target.add_export(at(1, 1), Volume::make(log));
        },
        heard);
    RawClient client(wire);
    const unsigned before = config_of(client).buffer_count();
    CHECK(config_of(client).sectors_per_frame() == 2);
    client.take_advertisements();
    running.on_its_thread([&](Target& target) {
        CHECK(target.change_interface(wire.target_end(), {.sectors_per_frame = 1, .buffer_count = 7}));
    });
    CHECK(client.wait_until([&] {
        const auto advertisements = client.take_advertisements();
        return std::ranges::any_of(advertisements, [](const Reply& each) {
            return each.buffer_count() == 7 && each.sectors_per_frame() == 1;
        });
    }));
    CHECK(config_of(client).buffer_count() == 7);
    CHECK(client.read(4, 2) == pattern(4, 2)); // longer requests are served as well
    running.on_its_thread(
        [&](Target& target) { CHECK(target.change_interface(wire.target_end(), InterfaceOptions{})); });
    CHECK(config_of(client).buffer_count() == before);
    CHECK(config_of(client).sectors_per_frame() == 2);
    running.on_its_thread([&](Target& target) {
        CHECK_FALSE(target.change_interface("nowhere", {}));
        CHECK(error_of([&] { target.change_interface(wire.target_end(), {.buffer_count = 1}); }).first ==
              EINVAL);
    });
    CHECK(config_of(client).buffer_count() == before);
    running.end();
    CHECK(!changed.empty());
    CHECK(changed[0] == wire.target_end());
}

TEST_CASE("an interface advertises regularly from a change on", "[target][change]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log;
    RunningTarget running([&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), Volume::make(log));
    });
    RawClient client(wire);
    config_of(client);
    running.on_its_thread([&](Target& target) {
        CHECK(target.change_interface(wire.target_end(), {.advertise_interval = 1s}));
    });
    std::size_t advertisements = 0; // three copies each
    CHECK(client.wait_until(
        [&] {
            advertisements += client.take_advertisements().size();
            return advertisements >= 9;
        },
        Milliseconds(20000)));
}

TEST_CASE("a change of a pattern is for the interfaces that it has, and for those to come",
          "[target][change]") {
    const Patience patience;
    const VethPair first("pat1");
    VolumeLog log;
    const std::string pattern_of_both = "pat?" + first.target_end().substr(4);
    RunningTarget running([&](Target& target) {
        target.add_interface(pattern_of_both);
        target.add_export(at(1, 1), Volume::make(log));
    });
    RawClient client(first);
    CHECK(config_of(client).sectors_per_frame() == 2);
    running.on_its_thread([&](Target& target) {
        CHECK_FALSE(target.change_interface(first.target_end(), {.sectors_per_frame = 1}));
        CHECK(target.change_interface(pattern_of_both, {.sectors_per_frame = 1}));
        CHECK(error_of([&] {
                  target.change_interface(pattern_of_both, {.sectors_per_frame = 2},
                                          aoetarget::prepare_interface(first.target_end()));
              }).first == EINVAL);
    });
    CHECK(config_of(client).sectors_per_frame() == 1);
    const VethPair second("pat2");
    RawClient other(second);
    CHECK(other.wait_until([&] { return running.stats().interfaces.size() == 2; }));
    for (const auto& interface : running.stats().interfaces)
        CHECK(interface.sectors_per_frame == 1);
}

TEST_CASE("an interface changes between XDP and packet sockets, and no request needs a repetition",
          "[target][change]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log;
    RunningTarget running([&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), Volume::make(log, 2048, Volume::Way::worker));
    });
    RawClient client(wire);
    exercise(client, 10);
    const std::string& name = wire.target_end();
    const std::string best = running.stats().interfaces.at(0).link;
    const auto has_link = [&](const std::string& link) {
        return client.wait_until([&] {
            const std::string now = running.stats().interfaces.at(0).link;
            return link == "xdp" ? now.starts_with("xdp") : now == link;
        });
    };
    for (const LinkKind kind : {LinkKind::packet, LinkKind::automatic, LinkKind::packet, LinkKind::xdp,
                                LinkKind::automatic, LinkKind::packet, LinkKind::packet}) {
        std::atomic<bool> changed = false;
        running.target().post([&] { changed = running.target().change_interface(name, {.link = kind}); });
        for (std::uint32_t i = 0; !changed || i < 50; ++i)
            exercise(client, 1);
        if (kind == LinkKind::packet)
            CHECK(has_link("packet"));
        else if (best.starts_with("xdp"))
            CHECK(has_link(kind == LinkKind::xdp ? "xdp" : best));
        exercise(client, 20);
    }
}
