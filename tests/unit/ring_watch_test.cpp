// A descriptor that the ring watches, and a deadline that it keeps.
#include "ring/timer.hpp"
#include "ring/watches.hpp"
#include "ring_fixture.hpp"

#include <optional>
#include <thread>

using namespace aoetarget::ring;
using namespace aoetest;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

void turn(Ring& ring) {
    ring.wait();
    ring.run_deferred();
}

void stop(Ring& ring, Watches& watches) {
    watches.stop();
    while (!watches.quiet())
        turn(ring);
}

} // namespace

TEST_CASE("a watch calls whenever there is something to read", "[ring][watch]") {
    const Patience patience;
    Ring ring(256);
    Pipe pipe;
    int calls = 0;
    Watches watches(ring);
    watches.add(pipe.ends[0], POLLIN, [&](short revents) {
        CHECK(revents == POLLIN);
        ++calls;
        pipe.get();
    });
    ring.run_deferred();
    CHECK_FALSE(ring.poll());
    for (int i = 1; i <= 5; ++i) {
        pipe.put();
        while (calls < i)
            turn(ring);
    }
    ring.poll();
    CHECK(calls == 5);
    stop(ring, watches);
    CHECK(calls == 5);
}

TEST_CASE("a watch calls again for what was left unread", "[ring][watch]") {
    const Patience patience;
    Ring ring(256);
    Pipe pipe;
    int calls = 0;
    Watches watches(ring);
    watches.add(pipe.ends[0], POLLIN, [&](short) {
        if (++calls % 3 == 0)
            pipe.get();
    });
    pipe.put();
    pipe.put();
    while (calls < 6)
        turn(ring);
    ring.poll();
    CHECK(calls == 6);
    stop(ring, watches);
}

TEST_CASE("a watch whose descriptor is readable can be stopped", "[ring][watch]") {
    const Patience patience;
    const int turns = GENERATE(0, 1, 2);
    Ring ring(256);
    Pipe pipe;
    Watches watches(ring);
    watches.add(pipe.ends[0], POLLIN, [](short) {}); // does not read
    for (int i = 0; i < turns; ++i) {
        ring.run_deferred();
        ring.poll();
    }
    pipe.put();
    stop(ring, watches);
    CHECK(watches.quiet());
}

TEST_CASE("a watch of a descriptor that cannot be watched tells so once", "[ring][watch]") {
    const Patience patience;
    Ring ring(256);
    std::vector<short> told;
    Watches watches(ring);
    watches.add(1 << 20, POLLIN, [&](short revents) { told.push_back(revents); });
    while (told.empty())
        turn(ring);
    ring.run_deferred();
    ring.poll();
    CHECK(told == std::vector<short>{POLLNVAL});
    CHECK(watches.quiet());
}

TEST_CASE("a timer makes the loop turn at its deadline", "[ring][timer]") {
    const Patience patience;
    Ring ring(256);
    Timer timer(ring);
    const auto start = Clock::now();
    timer.set((start + 30ms).time_since_epoch());
    ring.wait();
    const auto waited = Clock::now() - start;
    CHECK(waited >= 30ms);
    CHECK(waited < 10s);
}

TEST_CASE("an earlier deadline counts, and no deadline changes nothing", "[ring][timer]") {
    const Patience patience;
    Ring ring(256);
    Timer timer(ring);
    const auto start = Clock::now();
    timer.set((start + 15s).time_since_epoch());
    ring.poll();
    timer.set((start + 20ms).time_since_epoch());
    timer.set(std::nullopt);
    timer.set((start + 16s).time_since_epoch());
    ring.wait();
    CHECK(Clock::now() - start < 10s);
}

TEST_CASE("deadlines that get earlier leave nothing behind in the kernel", "[ring][timer]") {
    const Patience patience;
    Ring ring(256);
    Timer timer(ring);
    const auto start = Clock::now();
    for (int i = 0; i < 100; ++i) {
        timer.set((start + 1h - i * 1s).time_since_epoch());
        ring.poll();
    }
    while (ring.poll()) {
    }
    CHECK(timer.outstanding() == 1);
    timer.set(start.time_since_epoch());
    ring.wait();
    CHECK(Clock::now() - start < 10s);
}

TEST_CASE("a deadline in the past makes the loop turn at once", "[ring][timer]") {
    const Patience patience;
    Ring ring(256);
    Timer timer(ring);
    timer.set(std::chrono::nanoseconds(0));
    ring.wait();
    timer.set((Clock::now() + 1ms).time_since_epoch());
    ring.wait();
    SUCCEED();
}
