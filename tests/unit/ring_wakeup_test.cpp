// Waking the ring from another thread or from a signal handler.
#include "ring/wakeup.hpp"
#include "ring_fixture.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

using namespace aoetarget::ring;
using namespace aoetest;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST_CASE("a wake-up from another thread ends the sleep", "[ring][wakeup]") {
    const Patience patience;
    Ring ring(256);
    Wakeup wakeup(ring);
    for (int round = 0; round < 20; ++round) {
        std::thread waker([&] {
            std::this_thread::sleep_for(1ms);
            wakeup.wake();
        });
        ring.wait();
        waker.join();
    }
    wakeup.stop();
    while (!wakeup.quiet())
        ring.wait();
}

TEST_CASE("a wake-up makes the ring's descriptor readable every time", "[ring][wakeup]") {
    const Patience patience;
    Ring ring(256);
    Wakeup wakeup(ring);
    for (int round = 0; round < 50; ++round) {
        while (readable(ring.fd(), 0ms))
            ring.poll();
        std::thread waker([&] { wakeup.wake(); });
        CHECK(readable(ring.fd(), 2s));
        waker.join();
    }
    wakeup.stop();
    while (!wakeup.quiet())
        ring.wait();
}

TEST_CASE("many wake-ups are as good as one, and none is lost", "[ring][wakeup]") {
    const Patience patience;
    Ring ring(256);
    Wakeup wakeup(ring);
    constexpr int rounds = 2000;
    std::atomic<int> produced{0};
    std::thread waker([&] {
        for (int i = 0; i < rounds; ++i) {
            produced.fetch_add(1);
            wakeup.wake();
        }
    });
    while (produced.load() < rounds) // sleeps for ever if a wake-up after the last increment is lost
        ring.wait();
    waker.join();
    wakeup.stop();
    while (!wakeup.quiet())
        ring.wait();
}

namespace {
const Wakeup* wakeup_of_signal = nullptr;
}

TEST_CASE("a wake-up from a signal handler keeps errno", "[ring][wakeup]") {
    const Patience patience;
    Ring ring(256);
    Wakeup wakeup(ring);
    wakeup_of_signal = &wakeup;
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) { wakeup_of_signal->wake(); };
    sigaction(SIGUSR1, &action, &before);
    errno = 1234;
    raise(SIGUSR1);
    CHECK(errno == 1234);
    ring.wait();
    sigaction(SIGUSR1, &before, nullptr);
    wakeup.stop();
    while (!wakeup.quiet())
        ring.wait();
}

TEST_CASE("a wake-up that has just come does not keep the wakeup from stopping", "[ring][wakeup]") {
    const Patience patience;
    const bool started = GENERATE(true, false);
    Ring ring(256);
    Wakeup wakeup(ring);
    if (started)
        ring.poll();
    wakeup.wake();
    wakeup.stop();
    const auto end = Clock::now() + 1s;
    while (!wakeup.quiet() && Clock::now() < end) {
        ring.poll();
        std::this_thread::yield();
    }
    CHECK(wakeup.quiet());
    if (!wakeup.quiet()) // not to leave the kernel writing into what is gone
        wakeup.stop();
    while (!wakeup.quiet())
        ring.wait();
}
