// Functions that a target calls after a time.
#include "support/catch.hpp"
#include "target_fixture.hpp"

#include <optional>
#include <vector>

#include <poll.h>

using namespace aoetest;
using namespace std::chrono_literals;
using aoetarget::CallId;
using aoetarget::Target;
using Clock = std::chrono::steady_clock;

TEST_CASE("a call comes when its time is over, and once", "[target][delay]") {
    const Patience patience;
    Target target;
    const auto start = Clock::now();
    Clock::duration waited{};
    int calls = 0;
    target.call_after(30ms, [&] {
        waited = Clock::now() - start;
        ++calls;
        target.call_after(60ms, [&] { target.stop(); });
    });
    target.run();
    CHECK(calls == 1);
    CHECK(waited >= 30ms);
    CHECK(Clock::now() - start >= 90ms);
}

TEST_CASE("calls come in the order of their times", "[target][delay]") {
    const Patience patience;
    Target target;
    std::vector<int> order;
    target.call_after(40ms, [&] { order.push_back(4); });
    target.call_after(10ms, [&] { order.push_back(1); });
    target.call_after(1h, [&] { order.push_back(9); });
    target.call_after(20ms, [&] { order.push_back(2); });
    target.call_after(20ms, [&] { order.push_back(3); });
    target.call_after(60ms, [&] { target.stop(); });
    target.run();
    CHECK(order == std::vector{1, 2, 3, 4});
}

TEST_CASE("a call that was cancelled does not come", "[target][delay]") {
    const Patience patience;
    Target target;
    const auto owned = std::make_shared<int>();
    std::vector<int> order;
    const CallId one = target.call_after(10ms, [&, owned] { order.push_back(1); });
    const CallId two = target.call_after(10ms, [&] { order.push_back(2); });
    CHECK(one != 0);
    CHECK(one != two);
    CHECK(target.cancel_call(one));
    CHECK(owned.use_count() == 1);
    CHECK_FALSE(target.cancel_call(one));
    CHECK_FALSE(target.cancel_call(0));
    CHECK_FALSE(target.cancel_call(12345));
    target.call_after(30ms, [&] { target.stop(); });
    target.run();
    CHECK(order == std::vector{2});
    CHECK_FALSE(target.cancel_call(two)); // it has come
}

TEST_CASE("calls that are due at once may cancel each other and themselves", "[target][delay]") {
    const Patience patience;
    Target target;
    int calls = 0;
    CallId one = 0, other = 0;
    one = target.call_after(0ms, [&] {
        ++calls;
        CHECK_FALSE(target.cancel_call(one));
        CHECK(target.cancel_call(other));
    });
    other = target.call_after(0ms, [&] {
        ++calls;
        CHECK(target.cancel_call(one));
    });
    target.call_after(20ms, [&] { target.stop(); });
    target.run();
    CHECK(calls == 1);
}

TEST_CASE("a call without delay comes in a later turn, so that it may repeat itself", "[target][delay]") {
    const Patience patience;
    Target target;
    int calls = 0;
    const std::chrono::milliseconds delay = GENERATE(0ms, -5ms, std::chrono::milliseconds::min());
    std::function<void()> repeat = [&] {
        ++calls;
        target.call_after(delay, repeat);
    };
    repeat();
    calls = 0;
    target.poll();
    CHECK(calls < 1000); // so poll() has returned
    while (calls < 20)
        target.poll();
    SUCCEED();
}

TEST_CASE("the longest delay is longer than anybody waits", "[target][delay]") {
    const Patience patience;
    Target target;
    bool called = false;
    target.call_after(std::chrono::milliseconds::max(), [&] { called = true; });
    target.call_after(20ms, [&] { target.stop(); });
    target.run();
    CHECK_FALSE(called);
}

TEST_CASE("a host that sleeps on fd() is woken when a call is due", "[target][delay]") {
    const Patience patience;
    Target target;
    while (readable(target.fd(), 100))
        target.poll();
    bool called = false;
    target.call_after(50ms, [&] { called = true; });
    while (!called) {
        REQUIRE(readable(target.fd(), 10000));
        target.poll();
    }
    CHECK(called);
}

TEST_CASE("a call may change the target", "[target][delay]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log;
    RunningTarget running([&](Target& target) {
        target.call_after(1ms, [&] {
            target.add_interface(wire.target_end());
            target.add_export(at(1, 1), Volume::make(log));
        });
    });
    while (running.stats().exports.empty()) {
    }
    RawClient client(wire);
    CHECK(client.read(8, 1) == pattern(8, 1));
}

TEST_CASE("calls that wait when the target ends are destroyed", "[target][delay]") {
    const Patience patience;
    const bool is_stopped = GENERATE(false, true);
    const auto owned = std::make_shared<int>();
    int calls = 0;
    std::optional<Target> target(std::in_place);
    target->call_after(1h, [&, owned] { ++calls; });
    target->call_after(0ms, [&, owned] {
        ++calls;
        target->stop();
    });
    if (is_stopped) {
        target->run();
        CHECK(owned.use_count() == 1);
        CHECK(target->call_after(0ms, [&, owned] { ++calls; }) == 0);
        target->run();
    }
    target.reset();
    CHECK(owned.use_count() == 1);
    CHECK(calls == (is_stopped ? 1 : 0));
}
