// Goodput: a disk that gets ten times as many requests as it can serve still does as much useful work as
// before.
//
// window_load.hpp says which answers are useful.
#include "support/catch.hpp"
#include "support/faulty_device.hpp"
#include "support/flood.hpp"
#include "support/window_load.hpp"
#include "target_fixture.hpp"

#include <fstream>

using namespace aoetest;
using aoetarget::Target;
using std::chrono::milliseconds;

namespace {

using Clock = std::chrono::steady_clock;

constexpr double disk_rate = 1000; ///< Operations per second of the disk in the tests below.
constexpr milliseconds disk_service{1};

/// A target with one slow disk, e1.1.
struct SlowDisk {
    explicit SlowDisk(milliseconds each = disk_service) : service(each) {}

    milliseconds service;
    VolumeLog log;
    const VethPair& wire = standard_wire();
    RunningTarget running{[&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(
            at(1, 1), std::make_unique<FaultyDevice>(Volume::make(log, 8192), Faults{.service = service}));
    }};

    aoetarget::ExportStats stats() { return running.stats().exports.at(0); }
};

std::size_t resident_kib() {
    std::ifstream file("/proc/self/statm");
    std::size_t total = 0, resident = 0;
    file >> total >> resident;
    return resident * 4;
}

} // namespace

TEST_CASE(
    "a flood of ten times the disk's rate to the same export: no less is done, and others get their part",
    "[target][faults]") {
    const Patience patience;
    SlowDisk disk;
    RawClient client(disk.wire);
    const Mac greedy = numbered_mac(0x77);
    client.leave_to_others(greedy);
    constexpr std::size_t window = 64;
    WindowLoad load(client, window, milliseconds(400));
    const double rate = load.run(milliseconds(1500)).rate;

    std::vector<Bytes> frames; // to sectors that the other host does not use, so that all can be told apart
    for (std::uint64_t i = 0; i < 1500; ++i) // more than a link has slots
        frames.push_back(
            client.completed(write_request(1002 + 4 * (i * 7 % 1500), pattern(i, 1, 2)).to(1, 1).from(greedy))
                .encode());
    Flood flood(disk.wire.client_end(), frames, static_cast<unsigned>(10 * disk_rate / 1000));
    load.run(milliseconds(500)); // until all that it may occupy is occupied
    WindowLoad::Outcome outcome;
    double in_all = 0;
    std::uint64_t crowding = 0;
    // A busy machine may take the processor away from any of the threads here: up to ten attempts.
    for (int attempt = 0; attempt < 10 && (in_all < 0.9 * rate || outcome.rate < 0.2 * rate); ++attempt) {
        const auto before = disk.stats();
        const unsigned copies = load.copies();
        const auto begin = Clock::now();
        outcome = load.run(milliseconds(1500));
        const auto after = disk.stats();
        // Of the flood no request is repeated, and what the disk has at once it does in a fifth of a second.
        // So all that was done is of use, but for copies of what this host asked for.
        in_all = static_cast<double>(after.reads + after.writes - before.reads - before.writes -
                                     (load.copies() - copies)) /
                 std::chrono::duration<double>(Clock::now() - begin).count();
        crowding = after.crowding - before.crowding;
    }
    load.finish();
    // This program is the client too, and remembers what it asked. Alone the flood leaves nothing behind,
    // once the history of writes is full.
    std::size_t grown = 1000;
    for (int i = 0; i < 15 && grown > 64; ++i) {
        const std::size_t memory = resident_kib();
        std::this_thread::sleep_for(milliseconds(500));
        grown = std::max(resident_kib(), memory) - memory;
    }
    flood.stop();

    CAPTURE(rate, in_all, outcome.rate, outcome.slowest.count(), crowding, flood.sent(), grown);
    CHECK(in_all >= 0.9 * rate);
    // The flood holds 128, as a host with a full window would, and this host 64: it gets a third.
    CHECK(outcome.rate >= 0.2 * rate);
    CHECK(outcome.too_late == 0);
    CHECK(crowding > 0);
    CHECK(grown <= 64);
}

TEST_CASE("a host that repeats everything at ten times the disk's rate gets as much as one that waits",
          "[target][faults]") {
    const Patience patience;
    // A copy of a read that is already on its way when its answer leaves is done again. How many those are
    // depends on how fast this machine is beside the disk, so this disk is slow.
    SlowDisk disk(milliseconds(4));
    RawClient client(disk.wire);
    WindowLoad calm(client, 64, milliseconds(800));
    const double rate = calm.run(milliseconds(1500)).rate;
    calm.finish();

    // The same frames again, as initiators do that keep their tags: 64 each 24 ms are ten times the disk's
    // rate.
    WindowLoad storm(client, 64, milliseconds(24));
    storm.run(milliseconds(500));
    WindowLoad::Outcome outcome;
    double extra = 1;
    for (int attempt = 0; attempt < 10 && (outcome.rate < 0.9 * rate || extra > 1.1); ++attempt) {
        const unsigned operations = disk.log.operations;
        const auto begin = Clock::now();
        outcome = storm.run(milliseconds(1500));
        const double done = disk.log.operations - operations;
        extra = done / (outcome.rate * std::chrono::duration<double>(Clock::now() - begin).count());
    }
    storm.finish();

    CAPTURE(rate, outcome.rate, extra, storm.copies(), storm.asked());
    CHECK(outcome.rate >= 0.9 * rate);
    CHECK(storm.copies() > 4 * storm.asked());
    CHECK(extra <= 1.1); // copies do not use the disk
    CHECK(outcome.too_late == 0);
}
