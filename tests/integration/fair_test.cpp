// One host floods, and another one sends its usual requests.
#include "catch.hpp"
#include "flood.hpp"
#include "sanitizers.hpp"
#include "scene.hpp"
#include "window_load.hpp"

using namespace aoetest;

namespace {

// Frames per millisecond: several times what a disk does, and less than what the target can look at. What it
// has no time to look at the kernel drops, without regard to whose it is.
constexpr unsigned flood_rate = has_address_sanitizer ? 25 : 120;

} // namespace

TEST_CASE("while one host floods an export with writes, another one is served in time, and gets its part",
          "[fair]") {
    Scene scene({}, 16384);
    const Mac greedy = numbered_mac(0x77);
    scene.client.leave_to_others(greedy);
    WindowLoad load(scene.client, 32, Milliseconds(400));
    const double rate = load.run(Milliseconds(1000)).rate;

    std::vector<Bytes> frames; // scattered, so that they cannot be joined, and more than a link has slots
    for (std::uint64_t i = 0; i < 3000; ++i) {
        const std::uint64_t lba = 1002 + 4 * (i * 7 % 3000);
        frames.push_back(
            scene.client.completed(write_request(lba, pattern(lba, 2, 2)).from(greedy)).encode());
    }
    Flood flood(scene.wire.client_end(), frames, flood_rate);
    load.run(Milliseconds(300)); // until all that it may occupy is occupied
    WindowLoad::Outcome outcome;
    // The disk and the processors are others' as well: up to ten attempts.
    for (int attempt = 0; attempt < 10 && (outcome.rate < 0.1 * rate || outcome.too_late > 0); ++attempt)
        outcome = load.run(Milliseconds(1500));
    flood.stop();
    load.finish();

    CAPTURE(rate, outcome.rate, outcome.slowest.count(), load.copies(), flood.sent());
    // The flood holds 128 and this host 32: that is a fifth of what the disk does.
    CHECK(outcome.rate >= 0.1 * rate);
    CHECK(outcome.too_late == 0);
    CHECK(scene.client.is_served_soon());
}
