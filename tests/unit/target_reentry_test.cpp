// A target that is called from within its devices and watches, or after stop().
#include "support/catch.hpp"
#include "target_fixture.hpp"

#include <system_error>

#include <poll.h>

using namespace aoetest;
using aoetarget::Geometry;
using aoetarget::Io;
using aoetarget::Target;

namespace {

struct Calls {
    std::function<void()> geometry{}, identity{}, submit{}, destroyed{};
};

/// Calls back from wherever the library calls it.
class Calling final : public aoetarget::BlockDevice {
  public:
    explicit Calling(Calls calls) : calls_(std::move(calls)) {}
    ~Calling() override {
        if (calls_.destroyed)
            calls_.destroyed();
    }
    [[nodiscard]] Geometry geometry() const override {
        if (calls_.geometry)
            calls_.geometry();
        Geometry geometry;
        geometry.sectors = 2048;
        return geometry;
    }
    [[nodiscard]] std::string identity() const override {
        if (calls_.identity)
            calls_.identity();
        return {};
    }
    void submit(Io& io) override {
        if (calls_.submit)
            calls_.submit();
        io.complete();
    }

  private:
    Calls calls_;
};

std::unique_ptr<Calling> calling(Calls calls) {
    return std::make_unique<Calling>(std::move(calls));
}

int error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const std::system_error& error) {
        return error.code().value();
    }
    return 0;
}

/// A descriptor that is never readable.
struct Silent {
    ~Silent() { close(fd); }
    const int fd = eventfd(0, EFD_CLOEXEC);
};

/// Returns what the last poll() has said.
bool poll_until_quiet(Target& target) {
    bool goes_on = target.poll();
    while (goes_on && readable(target.fd(), 50))
        goes_on = target.poll();
    return goes_on;
}

} // namespace

TEST_CASE("a device may change the target while it is destroyed in a turn", "[target][reentry]") {
    const Patience patience;
    const Silent silent;
    const VethPair& wire = standard_wire();
    const VethPair second("second");
    VolumeLog log, kept_log;
    std::deque<VolumeLog> fresh_logs;
    Target target;
    target.add_interface(wire.target_end());
    target.add_export(at(1, 9), Volume::make(kept_log));
    unsigned destroyed = 0;
    for (unsigned slot = 1; slot <= 3; ++slot) {
        target.add_export(at(1, slot), calling({.destroyed = [&, slot] {
                              ++destroyed;
                              for (unsigned i = 0; i < 10; ++i)
                                  target.add_export(at(10 + slot, i),
                                                    Volume::make(fresh_logs.emplace_back()));
                              target.remove_export({1, 4});
                              target.remove_export({static_cast<std::uint16_t>(10 + slot), 0});
                              if (slot == 1)
                                  target.add_interface(second.target_end());
                              else
                                  target.remove_interface(second.target_end());
                              target.watch(silent.fd, [] {});
                          }}));
    }
    target.add_export(at(1, 4), Volume::make(log));
    poll_until_quiet(target);
    for (const std::uint8_t slot : std::array<std::uint8_t, 3>{1, 2, 3})
        target.remove_export({1, slot});
    poll_until_quiet(target);
    CHECK(destroyed == 3);
    CHECK_FALSE(log.exists);
    CHECK(log.flushes == 1); // it was not lost
    CHECK(kept_log.exists);
    CHECK(target.stats().exports.size() == 1 + 3 * 9);
    CHECK(std::ranges::count_if(fresh_logs, [](const auto& each) { return each.exists.load(); }) == 3 * 9);
    CHECK(target.stats().interfaces.size() == 1);
}

TEST_CASE("a device may call the target while both are destroyed, and nothing comes of it",
          "[target][reentry]") {
    const Patience patience;
    const Silent silent;
    const VethPair& wire = standard_wire();
    const bool is_removed = GENERATE(false, true);
    unsigned destroyed = 0;
    VolumeLog log;
    std::optional<Target> target(std::in_place);
    Target& the_target = *target;
    target->add_interface(wire.target_end());
    for (unsigned slot = 1; slot <= 3; ++slot) {
        target->add_export(at(1, slot), calling({.destroyed = [&] {
                               ++destroyed;
                               CHECK(error_of([&] { the_target.add_export(at(2, 1), Volume::make(log)); }) ==
                                     ECANCELED);
                               CHECK(error_of([&] { the_target.add_interface("lo"); }) == ECANCELED);
                               the_target.watch(silent.fd, [] {}); // never called
                               the_target.remove_export({1, 2});
                               the_target.remove_interface(wire.target_end());
                               CHECK(the_target.stats().exports.size() < 3);
                               the_target.stop();
                           }}));
    }
    target->poll();
    if (is_removed)
        target->remove_export({1, 1});
    target.reset();
    CHECK(destroyed == 3);
    CHECK_FALSE(log.exists); // refused, so it went with the call
}

TEST_CASE("a device may change the target from within submit()", "[target][reentry]") {
    const Patience patience;
    const Silent silent;
    const VethPair& wire = standard_wire();
    const VethPair second("second");
    VolumeLog log;
    unsigned submits = 0;
    bool is_destroyed = false;
    std::optional<RunningTarget> running;
    running.emplace([&](Target& target) {
        target.add_interface(wire.target_end());
        const auto change = [&] {
            if (submits++ > 0)
                return; // the flush at its end
            target.remove_export({1, 1});
            for (unsigned i = 0; i < 20; ++i)
                target.add_export(at(2, i), Volume::make(log));
            target.add_interface(second.target_end());
            target.watch(silent.fd, [] {});
        };
        target.add_export(at(1, 1), calling({.submit = change, .destroyed = [&] { is_destroyed = true; }}));
    });
    RawClient client(wire), other(second);
    CHECK(client.ask(write_request(4, pattern(4, 1))).succeeded()); // what was under way is finished
    CHECK(client.ask(read_request(4, 1).to(2, 19)).data() == pattern(4, 1));
    CHECK(other.ask(read_request(4, 1).to(2, 0)).data() == pattern(4, 1));
    CHECK(running->stats().exports.size() == 20);
    running->end();
    CHECK(submits == 2);
    CHECK(is_destroyed);
}

TEST_CASE("an export that a device adds at its own address while being added itself keeps that address",
          "[target][reentry]") {
    const bool by_geometry = GENERATE(false, true);
    VolumeLog log;
    Target target;
    const auto take_it = [&] { target.add_export(at(1, 1), Volume::make(log)); };
    const Calls calls = by_geometry ? Calls{.geometry = take_it} : Calls{.identity = take_it};
    CHECK(error_of([&] { target.add_export(at(1, 1), calling(calls)); }) == EEXIST);
    CHECK(target.stats().exports.size() == 1);
    CHECK(log.exists);
}

TEST_CASE("a device is asked for its geometry and identity only once", "[target][reentry]") {
    unsigned geometries = 0, identities = 0;
    Target target;
    const auto add = [&](const std::string& serial) {
        aoetarget::ExportOptions options = at(1, 1);
        options.serial = serial;
        target.add_export(options,
                          calling({.geometry = [&] { ++geometries; }, .identity = [&] { ++identities; }}));
    };
    add("");
    CHECK(geometries == 1);
    CHECK(identities == 1);
    target.remove_export({1, 1});
    add("given");
    CHECK(geometries == 2);
    CHECK(identities == 1);
}

TEST_CASE("a watch may change and stop the target", "[target][reentry]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    const VethPair second("second");
    VolumeLog log, other_log;
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    unsigned calls = 0;
    Target target;
    target.add_interface(wire.target_end());
    target.add_export(at(1, 1), Volume::make(log));
    target.watch(ends[0], [&] {
        char byte;
        REQUIRE(read(ends[0], &byte, 1) == 1);
        if (++calls == 1) {
            target.remove_interface(wire.target_end());
            target.add_interface(wire.target_end());
            target.add_interface(second.target_end());
            target.remove_export({1, 1});
            target.add_export(at(1, 1), Volume::make(other_log));
            target.watch(ends[0], [&] { target.stop(); });
        }
    });
    REQUIRE(write(ends[1], "x", 1) == 1);
    poll_until_quiet(target);
    CHECK(calls == 1);
    CHECK_FALSE(log.exists);
    CHECK(target.stats().interfaces.size() == 2);
    REQUIRE(write(ends[1], "x", 1) == 1);
    target.run();
    CHECK(other_log.flushes == 1);
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("a target that is stopping takes nothing in any more, and comes to its end", "[target][reentry]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    const VethPair second("second");
    const bool is_polled = GENERATE(false, true);
    const unsigned stops = GENERATE(1U, 2U);
    const unsigned turns_before = GENERATE(0U, 1U, 2U); // before it is asked for more
    VolumeLog log, refused_log;
    Target target;
    target.add_interface(wire.target_end());
    target.add_export(at(1, 1), Volume::make(log));
    for (unsigned i = 0; i < stops; ++i)
        target.stop();
    for (unsigned i = 0; i < turns_before; ++i)
        target.poll();
    CHECK(error_of([&] { target.add_interface(second.target_end()); }) == ECANCELED);
    CHECK(error_of([&] { target.add_export(at(1, 2), Volume::make(refused_log)); }) == ECANCELED);
    CHECK_FALSE(refused_log.exists);
    if (is_polled) {
        CHECK_FALSE(poll_until_quiet(target));
        CHECK_FALSE(target.poll());
    } else {
        target.run();
        target.run();
    }
    CHECK(target.stats().interfaces.size() == 1);
    if (stops == 1)
        CHECK(log.flushes == 1);
    target.remove_interface(wire.target_end());
    CHECK(target.remove_export({1, 1}));
    CHECK_FALSE(target.poll());
}

TEST_CASE("a target that stops while it is set up by another thread comes to its end", "[target][reentry]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    for (int round = 0; round < 20; ++round) {
        Target target;
        std::thread stopper([&] { target.stop(); });
        const int error = error_of([&] { target.add_interface(wire.target_end()); });
        CHECK((error == 0 || error == ECANCELED));
        target.run();
        stopper.join();
    }
}
