// The end of a turn of the ring, and how long it stays awake for the next.
#include "ring/busy_poll.hpp"
#include "ring_fixture.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include <time.h>

using namespace aoetarget::ring;
using namespace aoetest;
using namespace std::chrono_literals;

namespace {

struct Work final : Deferred {
    explicit Work(std::function<void()> work) : work_(std::move(work)) {}
    void on_turn_end() override {
        ++runs;
        if (work_)
            work_();
    }
    int runs = 0;

  private:
    std::function<void()> work_;
};

} // namespace

TEST_CASE("deferred work runs once, at the end of the turn", "[ring][deferred]") {
    const Patience patience;
    Ring ring(256);
    Work work(nullptr);
    ring.defer(work);
    ring.defer(work);
    CHECK(work.runs == 0);
    ring.run_deferred();
    CHECK(work.runs == 1);
    ring.run_deferred();
    CHECK(work.runs == 1);
}

TEST_CASE("work that defers more does so for the next turn, which does not sleep", "[ring][deferred]") {
    const Patience patience;
    Ring ring(256);
    Work* again = nullptr;
    Work work([&] {
        if (again->runs < 3)
            ring.defer(*again);
    });
    again = &work;
    ring.defer(work);
    for (int turn = 1; turn <= 3; ++turn) {
        ring.wait(); // nothing completes: it must not sleep
        ring.run_deferred();
        CHECK(work.runs == turn);
    }
}

TEST_CASE("turns that do not sleep see completions that have come meanwhile", "[ring][deferred]") {
    const Patience patience;
    Ring ring(256);
    Recorder recorder;
    const HandlerId id = ring.add_handler(recorder);
    Pipe pipe;
    char byte = 0;
    submit_read(ring, id, 7, pipe.ends[0], byte);
    Work* again = nullptr;
    Work work([&] { ring.defer(*again); });
    again = &work;
    ring.defer(work);
    ring.wait();
    ring.run_deferred();
    REQUIRE(recorder.seen.empty());
    pipe.put();
    for (int turn = 0; turn < 1000 && recorder.seen.empty(); ++turn) {
        ring.wait();
        ring.run_deferred();
    }
    CHECK(recorder.seen.size() == 1);
}

TEST_CASE("work that is going away is forgotten", "[ring][deferred]") {
    const Patience patience;
    Ring ring(256);
    Work work(nullptr), other(nullptr);
    ring.defer(work);
    ring.defer(other);
    ring.undefer(work);
    ring.undefer(work);
    ring.run_deferred();
    CHECK(work.runs == 0);
    CHECK(other.runs == 1);
}

TEST_CASE("work that goes away while other work of its turn runs is forgotten too", "[ring][deferred]") {
    const Patience patience;
    Ring ring(256);
    auto victim = std::make_unique<Work>(nullptr);
    Work work([&] {
        ring.undefer(*victim);
        victim.reset();
    });
    ring.defer(work);
    ring.defer(*victim);
    ring.run_deferred();
    CHECK(work.runs == 1);
}

TEST_CASE(
    "a ring whose waits are mostly short stays awake, and one whose waits are mostly long sleeps at once",
    "[ring][busy-poll]") {
    BusyPoll busy_poll(10us);
    CHECK(busy_poll.patience() == 0us); // until it has learned
    const auto learn = [&](int times, BusyPoll::Duration time) {
        for (int i = 0; i < times; ++i)
            busy_poll.waited(time);
    };
    learn(5, 18us); // asleep: most of that is the sleep itself
    CHECK(busy_poll.patience() == 10us);
    learn(100, 2us);
    learn(1, 1s);
    CHECK(busy_poll.patience() == 10us); // one is not most
    learn(3, 1s);
    CHECK(busy_poll.patience() == 0us);
    learn(100, 60us);
    CHECK(busy_poll.patience() == 0us);
    learn(15, 20us);
    CHECK(busy_poll.patience() == 10us);

    BusyPoll never(0us);
    for (int i = 0; i < 100; ++i)
        never.waited(0us);
    CHECK(never.patience() == 0us);
}

TEST_CASE("a ring that may stay awake hands out everything, and sleeps while nothing comes",
          "[ring][busy-poll]") {
    const Patience patience;
    Ring ring(256);
    BusyPoll busy_poll(1ms);
    Recorder recorder;
    const HandlerId id = ring.add_handler(recorder);
    Pipe pipe;
    char byte = 0;
    // Two threads that answer each other at once: what comes is seen awake.
    std::atomic<int> wanted = 0;
    constexpr int exchanges = 2000;
    std::thread other([&] {
        for (int done = 0; done < exchanges; ++done) {
            while (wanted <= done)
                std::this_thread::yield();
            pipe.put();
        }
    });
    for (int i = 0; i < exchanges; ++i) {
        submit_read(ring, id, 1, pipe.ends[0], byte);
        ring.poll();
        ++wanted;
        while (ring.outstanding(id) > 0)
            ring.wait(busy_poll);
    }
    other.join();
    CHECK(recorder.seen.size() == exchanges);

    const auto cpu_time = [] {
        timespec time{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    };
    const auto before = cpu_time();
    __kernel_timespec pause{.tv_sec = 0, .tv_nsec = 20'000'000};
    for (int i = 0; i < 20; ++i) {
        ring.submit(id, 2, [&](io_uring_sqe* sqe) { io_uring_prep_timeout(sqe, &pause, 0, 0); });
        while (ring.outstanding(id) > 0)
            ring.wait(busy_poll);
    }
    CHECK(cpu_time() - before < 100ms); // of 400
}
