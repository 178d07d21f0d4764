// Events about a path that does not carry long frames (core/length_watch.hpp).
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include "core/length_watch.hpp"

#include <random>

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::EventKind;
using aoetarget::core::LengthWatch;

namespace {

constexpr std::uint8_t long_read = 16, short_read = 1; // sectors
constexpr std::size_t long_bytes = 36 + 16 * 512;

/// A target with jumbo frames, whose disk answers at once.
struct Scene {
    CoreFixture core{{.mtu = 9000}};
    Disk& disk = core.add_export(4096);

    /// The initiator begins, as all do.
    Scene() { ask(identify_request()); }

    void ask(Request request, aoetarget::core::Time later = 200ms) {
        core.ask(request);
        core.now += later;
    }
    void read(std::uint64_t first, std::uint8_t count, unsigned times = 1) {
        for (unsigned i = 0; i < times; ++i)
            ask(read_request(first, count));
    }
    std::string told() {
        core.turn();
        return core.take_event(EventKind::frames_too_large);
    }
};

} // namespace

TEST_CASE("an initiator that long frames do not reach is named, with both lengths", "[core][event]") {
    Scene scene;
    scene.read(0, long_read, LengthWatch::often);
    CHECK(scene.told() == "");
    scene.read(0, long_read);
    REQUIRE(scene.core.events.size() == 1);
    CHECK(scene.core.events[0].severity == aoetarget::Severity::warning);
    CHECK(scene.core.events[0].subject == to_string(to_mac(client_mac)));
    const std::string text = scene.told();
    CAPTURE(text);
    CHECK(text.find("Frames of 8228 bytes seem to get lost on their way from e1.1 to it") == 0);
    CHECK(text.find("those of 548 bytes do") != std::string::npos);
    CHECK(text.find("sectors-per-frame") != std::string::npos);
}

TEST_CASE("a path that is too small is told once, and again after it was large enough", "[core][event]") {
    Scene scene;
    scene.read(0, long_read, 10);
    CHECK_FALSE(scene.told().empty());
    scene.read(0, long_read, 1000);
    CHECK(scene.told() == "");
    for (unsigned i = 0; i < 2 * LengthWatch::few; ++i)
        scene.read(16 * i, long_read);
    scene.read(2000, long_read, 20);
    CHECK(scene.told() == ""); // no short frame shows that it is the length
    scene.read(3000, short_read);
    CHECK_FALSE(scene.told().empty());
}

TEST_CASE("a few long requests that take turns are lost, while short ones arrive", "[core][event]") {
    Scene scene;
    for (unsigned round = 0; round < 5; ++round) {
        for (const unsigned first : {0U, 64U, 128U})
            scene.read(first, long_read);
        scene.read(1000 + round, short_read);
    }
    CHECK(scene.told().find("those of 548 bytes do") != std::string::npos);
}

TEST_CASE("an initiator whose path becomes too small while it works is named", "[core][event]") {
    Scene scene;
    for (unsigned i = 0; i < 50; ++i)
        scene.read(16 * i, long_read);
    scene.read(2000, long_read, 3);
    scene.read(3000, short_read);
    scene.read(2000, long_read, 6);
    CHECK_FALSE(scene.told().empty());
}

TEST_CASE("a single repetition says nothing about a path, nor do frames that come twice", "[core][event]") {
    Scene scene;
    const unsigned times = GENERATE(1U, 2U);
    for (unsigned i = 0; i < 200; ++i)
        scene.read(16 * i, long_read, i == 0 ? 2 : times);
    CHECK(scene.told() == "");
}

TEST_CASE("a path that loses frames of any length is not too small", "[core][event]") {
    Scene scene;
    SECTION("all of them") {
        for (unsigned i = 0; i < 200; ++i)
            scene.read(100 * (i % 3), i % 3 == 0 ? short_read : long_read);
    }
    SECTION("some of them, each of which is repeated until it arrives") {
        std::minstd_rand random(1);
        for (unsigned i = 0; i < 500; ++i) {
            unsigned times = 1;
            while (random() % 3 == 0) // is lost, there or back
                ++times;
            scene.read(8 * i % 4000, i % 3 == 0 ? short_read : long_read, times);
        }
    }
    CHECK(scene.told() == "");
}

TEST_CASE("whoever repeats what a busy disk has not answered is not told that the path is too small",
          "[core][event]") {
    Scene scene;
    scene.disk.immediate = false;
    for (unsigned i = 0; i < 60; ++i) {
        std::uint32_t tag = 0;
        for (unsigned repeat = 0; repeat < 8; ++repeat) {
            tag = scene.core.send(read_request(64 * i, long_read));
            scene.core.turn();
            scene.core.now += 200ms;
        }
        scene.core.drain(scene.disk);
        CHECK(scene.core.answered(tag));
        scene.core.forget();
    }
    CHECK(scene.told() == "");
}

TEST_CASE("whoever looks at the same sectors for a reason makes the path no smaller", "[core][event]") {
    Scene scene;
    SECTION("after other work") {
        for (unsigned i = 0; i < 20; ++i)
            scene.read(16 * i, long_read);
        for (unsigned i = 0; i < 50; ++i) {
            scene.read(0, long_read);
            if (i % 10 == 0)
                scene.ask(identify_request());
        }
    }
    SECTION("after one look at others") {
        scene.read(0, long_read);
        scene.read(64, long_read);
        scene.read(0, long_read, 50);
    }
    SECTION("while long writes arrive") {
        for (unsigned i = 0; i < 50; ++i) {
            scene.read(0, long_read);
            scene.ask(write_request(16 * i, pattern(16 * i, 16, 1)));
        }
    }
    SECTION("while one block is written again and again") {
        for (unsigned i = 0; i < 30; ++i)
            scene.read(16 * i, long_read);
        scene.read(0, 1);
        for (unsigned i = 0; i < 50; ++i)
            scene.ask(write_request(16, pattern(16, 16, i)));
    }
    SECTION("as a tool") {
        for (unsigned i = 0; i < 50; ++i)
            scene.ask(read_request(0, long_read).tagged(0x8000'0000 + i));
    }
    SECTION("again and again without a pause") {
        for (unsigned i = 0; i < 50; ++i)
            scene.ask(read_request(0, long_read), 1ms);
    }
    SECTION("rarely") {
        for (unsigned i = 0; i < 50; ++i)
            scene.ask(read_request(0, long_read), LengthWatch::silence + 1s);
    }
    CHECK(scene.told() == "");
}

TEST_CASE("forged sources cost the watch no memory, and the newest pairs stay in it", "[core][event]") {
    LengthWatch watch;
    aoetarget::core::Time now = 1000s;
    const auto note = [&](const Mac& source, std::uint64_t request, std::size_t bytes) {
        return watch.note(to_mac(source), {1, 1}, {.request = request, .bytes = bytes}, now += 1ms);
    };
    for (unsigned i = 0; i < 1000; ++i)
        note(numbered_mac(100 + i), 1, long_bytes);
    note(client_mac, 1, 60);
    bool told = false;
    for (unsigned i = 0; i < 10; ++i) {
        for (unsigned forged = 0; forged < LengthWatch::pairs - 1; ++forged)
            note(numbered_mac(5000 + 100 * i + forged), 1, long_bytes);
        told = note(client_mac, 2, long_bytes).has_value() || told;
    }
    CHECK(told);
}
