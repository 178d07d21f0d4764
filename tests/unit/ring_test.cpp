// The ring: submission, dispatch, what is registered with it, and the small things that wait on it.
#include "ring/ring.hpp"
#include "ring/timer.hpp"
#include "ring/wakeup.hpp"
#include "ring/watch.hpp"
#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <memory>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace aoetarget::ring;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

/// A test that hangs ends the program and says so.
struct Patience {
    Patience() { alarm(20); }
    ~Patience() { alarm(0); }
};

struct Pipe {
    Pipe() { expect(pipe(ends.data()) == 0); }
    ~Pipe() {
        close(ends[0]);
        close(ends[1]);
    }
    void put(char byte = 'x') { expect(write(ends[1], &byte, 1) == 1); }
    void get() {
        char byte = 0;
        expect(::read(ends[0], &byte, 1) == 1);
    }
    std::array<int, 2> ends{};

  private:
    /// Also called on threads that must not use the test framework.
    static void expect(bool condition) {
        if (!condition)
            std::abort();
    }
};

struct Recorder final : CompletionHandler {
    struct Completion {
        std::uint64_t argument;
        int result;
    };
    void on_completion(std::uint64_t argument, int result, std::uint32_t) override {
        seen.push_back({argument, result});
    }
    std::vector<Completion> seen;
};

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

void submit_nop(Ring& ring, HandlerId id, std::uint64_t argument) {
    ring.submit(id, argument, [](io_uring_sqe* sqe) { io_uring_prep_nop(sqe); });
}

void submit_read(Ring& ring, HandlerId id, std::uint64_t argument, int fd, char& into) {
    ring.submit(id, argument, [&](io_uring_sqe* sqe) { io_uring_prep_read(sqe, fd, &into, 1, 0); });
}

bool readable(int fd, std::chrono::milliseconds timeout) {
    pollfd wanted{fd, POLLIN, 0};
    return ::poll(&wanted, 1, static_cast<int>(timeout.count())) == 1;
}

} // namespace

TEST_CASE("a completion comes to the handler that submitted, with its argument", "[ring]") {
    const Patience patience;
    Ring ring(256);
    Recorder one, two;
    const HandlerId first = ring.add_handler(one);
    const HandlerId second = ring.add_handler(two);
    CHECK(first != second);
    constexpr std::uint64_t most = (1ULL << 48) - 1;
    submit_nop(ring, first, 0);
    submit_nop(ring, second, most);
    submit_nop(ring, second, reinterpret_cast<std::uintptr_t>(&ring));
    CHECK(ring.outstanding(first) == 1);
    CHECK(ring.outstanding(second) == 2);
    while (ring.outstanding(first) + ring.outstanding(second) > 0)
        ring.wait();
    REQUIRE(one.seen.size() == 1);
    CHECK(one.seen[0].argument == 0);
    REQUIRE(two.seen.size() == 2);
    CHECK(two.seen[0].argument == most);
    CHECK(two.seen[1].argument == reinterpret_cast<std::uintptr_t>(&ring));
}

TEST_CASE("more can be submitted than the submission queue holds", "[ring]") {
    const Patience patience;
    Ring ring(8192);
    Recorder recorder;
    const HandlerId id = ring.add_handler(recorder);
    for (std::uint64_t i = 0; i < 5000; ++i)
        submit_nop(ring, id, i);
    while (ring.outstanding(id) > 0)
        ring.wait();
    REQUIRE(recorder.seen.size() == 5000);
    for (std::uint64_t i = 0; i < 5000; ++i)
        REQUIRE(recorder.seen[i].argument == i);
}

TEST_CASE("poll() does not sleep and tells whether there was anything", "[ring]") {
    const Patience patience;
    Ring ring(256);
    Recorder recorder;
    const HandlerId id = ring.add_handler(recorder);
    CHECK_FALSE(ring.poll());
    submit_nop(ring, id, 1);
    CHECK(ring.poll());
    CHECK(recorder.seen.size() == 1);
    CHECK_FALSE(ring.poll());
}

TEST_CASE("the ring's descriptor is readable when a completion has come", "[ring]") {
    const Patience patience;
    Ring ring(256);
    Pipe pipe;
    Recorder recorder;
    const HandlerId id = ring.add_handler(recorder);
    char byte = 0;
    CHECK(readable(ring.fd(), 0ms)); // what is prepared wants to be submitted
    submit_read(ring, id, 1, pipe.ends[0], byte);
    CHECK_FALSE(ring.poll());
    CHECK_FALSE(readable(ring.fd(), 0ms));
    pipe.put();
    CHECK(readable(ring.fd(), 5s));
    CHECK(ring.poll());
    CHECK(byte == 'x');
}

TEST_CASE("a thread that sleeps on the ring's descriptor is woken when a completion comes", "[ring]") {
    const Patience patience;
    Ring ring(256);
    Pipe pipe;
    Recorder recorder;
    const HandlerId id = ring.add_handler(recorder);
    for (std::size_t round = 1; round <= 5; ++round) {
        char byte = 0;
        submit_read(ring, id, 1, pipe.ends[0], byte);
        readable(ring.fd(), 0ms);
        ring.poll();
        std::thread writer([&] {
            std::this_thread::sleep_for(20ms);
            pipe.put();
        });
        const auto start = Clock::now();
        while (!readable(ring.fd(), 5s) && Clock::now() - start < 5s) { // a signal may end it early
        }
        CHECK(Clock::now() - start < 4s);
        writer.join();
        while (recorder.seen.size() < round)
            ring.poll();
    }
}

TEST_CASE("the id of a handler is given away only when its last completion has come", "[ring]") {
    const Patience patience;
    Ring ring(256);
    Pipe pipe;
    Recorder old, fresh;
    const HandlerId id = ring.add_handler(old);
    char byte = 0;
    submit_read(ring, id, 1, pipe.ends[0], byte);
    ring.poll();
    ring.remove_handler(id);
    const HandlerId second = ring.add_handler(fresh);
    CHECK(second != id);
    pipe.put();
    while (ring.outstanding(id) > 0)
        ring.wait();
    CHECK(old.seen.empty());
    CHECK(fresh.seen.empty());
    Recorder third;
    CHECK(ring.add_handler(third) == id);
}

TEST_CASE("what is cancelled completes with ECANCELED, and nothing else does", "[ring]") {
    const Patience patience;
    Ring ring(256);
    Pipe pipe;
    Recorder recorder, other;
    const HandlerId id = ring.add_handler(recorder);
    const HandlerId other_id = ring.add_handler(other);
    char byte = 0, kept = 0;
    submit_read(ring, id, 7, pipe.ends[0], byte);
    submit_read(ring, other_id, 7, pipe.ends[0], kept);
    ring.poll();
    ring.cancel(id, 7);
    ring.cancel(id, 8); // there is none
    while (ring.outstanding(id) > 0)
        ring.wait();
    REQUIRE(recorder.seen.size() == 1);
    CHECK(recorder.seen[0].result == -ECANCELED);
    pipe.put('k');
    while (ring.outstanding(other_id) > 0)
        ring.wait();
    CHECK(kept == 'k');
}

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

TEST_CASE("turns that do not sleep see what has come meanwhile", "[ring][deferred]") {
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

TEST_CASE("who mostly waits shortly stays awake, and who mostly waits long sleeps at once",
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

TEST_CASE("the ring takes the operations of a target and no others, unless it is told before the first turn",
          "[ring]") {
    const Patience patience;
    Ring ring(256);
    const bool allowed = GENERATE(false, true);
    if (allowed)
        ring.allow(IORING_OP_OPENAT);
    Recorder recorder;
    const HandlerId id = ring.add_handler(recorder);
    ring.submit(id, 1,
                [](io_uring_sqe* sqe) { io_uring_prep_openat(sqe, AT_FDCWD, "/dev/null", O_RDONLY, 0); });
    while (recorder.seen.empty())
        ring.wait();
    CHECK((recorder.seen.front().result >= 0) == allowed);
    if (allowed)
        close(recorder.seen.front().result);
    else
        CHECK(recorder.seen.front().result == -EACCES);
}

TEST_CASE("a registered file is used though its descriptor is closed", "[ring][files]") {
    const Patience patience;
    Ring ring(256);
    Pipe pipe;
    Recorder recorder;
    const HandlerId id = ring.add_handler(recorder);
    const int copy = dup(pipe.ends[0]);
    const RingFile file = ring.register_file(copy);
    REQUIRE(file.registered);
    close(copy);
    pipe.put('r');
    char byte = 0;
    ring.submit(id, 1, [&](io_uring_sqe* sqe) {
        io_uring_prep_read(sqe, -1, &byte, 1, 0);
        file.apply(sqe);
    });
    while (ring.outstanding(id) > 0)
        ring.wait();
    CHECK(byte == 'r');
    ring.unregister_file(file);
}

TEST_CASE("files beyond the table are used by their descriptors", "[ring][files]") {
    const Patience patience;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlimit before = limit;
    limit.rlim_cur = 64;
    setrlimit(RLIMIT_NOFILE, &limit);
    {
        Ring ring(256);
        setrlimit(RLIMIT_NOFILE, &before);
        Pipe pipe;
        Recorder recorder;
        const HandlerId id = ring.add_handler(recorder);
        std::vector<RingFile> files;
        for (int i = 0; i < 64; ++i) {
            files.push_back(ring.register_file(pipe.ends[0]));
            CHECK(files.back().registered);
        }
        const RingFile plain = ring.register_file(pipe.ends[0]);
        CHECK_FALSE(plain.registered);
        CHECK(plain.index_or_fd == pipe.ends[0]);
        pipe.put('p');
        char byte = 0;
        ring.submit(id, 1, [&](io_uring_sqe* sqe) {
            io_uring_prep_read(sqe, -1, &byte, 1, 0);
            plain.apply(sqe);
        });
        while (ring.outstanding(id) > 0)
            ring.wait();
        CHECK(byte == 'p');
        ring.unregister_file(plain);
        ring.unregister_file(files.back());
        CHECK(ring.register_file(pipe.ends[0]).registered);
    }
    setrlimit(RLIMIT_NOFILE, &before);
}

TEST_CASE("registered buffers are found by their bytes, and there are 64 of them", "[ring][buffers]") {
    const Patience patience;
    Ring ring(256);
    constexpr std::size_t page = 4096, most = 64;
    std::vector<std::byte> memory(page * (most + 2));
    const auto part = [&](std::size_t i) { return std::span(memory).subspan(i * page, page); };
    if (!ring.register_buffer(part(0)))
        SKIP_BECAUSE("the limit of locked memory forbids it");
    CHECK(ring.buffer_index(part(0).data(), page) >= 0);
    CHECK(ring.buffer_index(part(0).data() + 10, page - 10) == ring.buffer_index(part(0).data(), page));
    CHECK(ring.buffer_index(part(0).data() + 10, page) == -1); // reaches beyond it
    CHECK(ring.buffer_index(part(1).data(), 1) == -1);
    for (std::size_t i = 1; i < most; ++i)
        CHECK(ring.register_buffer(part(i)));
    CHECK_FALSE(ring.register_buffer(part(most)));
    ring.unregister_buffer(part(3));
    CHECK(ring.buffer_index(part(3).data(), page) == -1);
    CHECK(ring.register_buffer(part(most)));
    CHECK(ring.buffer_index(part(most).data(), page) == 3);
    ring.unregister_buffer(part(most + 1)); // unknown: nothing happens
}

TEST_CASE("the features are told in one line", "[ring]") {
    Ring ring(256);
    CHECK(ring.features().find('\n') == std::string::npos);
    CHECK(ring.features().find("taskrun") != std::string::npos);
}

TEST_CASE("a ring may be set up on one thread and run on another", "[ring]") {
    const Patience patience;
    Ring ring(256);
    Recorder recorder;
    const HandlerId id = ring.add_handler(recorder);
    submit_nop(ring, id, 5);
    std::thread([&] {
        while (ring.outstanding(id) > 0)
            ring.wait();
    }).join();
    CHECK(recorder.seen.size() == 1);
}

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

TEST_CASE("a watch calls whenever there is something to read", "[ring][watch]") {
    const Patience patience;
    Ring ring(256);
    Pipe pipe;
    int calls = 0;
    Watch watch(ring, pipe.ends[0], [&] {
        ++calls;
        pipe.get();
    });
    CHECK_FALSE(ring.poll());
    for (int i = 1; i <= 5; ++i) {
        pipe.put();
        while (calls < i)
            ring.wait();
    }
    ring.poll();
    CHECK(calls == 5);
    watch.stop();
    while (!watch.quiet())
        ring.wait();
    CHECK(calls == 5);
}

TEST_CASE("a watch whose descriptor is readable can be stopped", "[ring][watch]") {
    const Patience patience;
    const bool started = GENERATE(true, false);
    Ring ring(256);
    Pipe pipe;
    Watch watch(ring, pipe.ends[0], [] {}); // does not read
    if (started)
        ring.poll();
    pipe.put();
    watch.stop();
    const auto end = Clock::now() + 1s;
    while (!watch.quiet() && Clock::now() < end) {
        ring.poll();
        std::this_thread::yield();
    }
    CHECK(watch.quiet());
    if (!watch.quiet())
        watch.stop();
    while (!watch.quiet())
        ring.wait();
}

TEST_CASE("a watch of what cannot be watched does nothing", "[ring][watch]") {
    const Patience patience;
    Ring ring(256);
    int calls = 0;
    Watch watch(ring, -1, [&] { ++calls; });
    while (!watch.quiet())
        ring.wait();
    CHECK(calls == 0);
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
