// The ring: a completion comes back to the handler that submitted, and a thread can sleep on the ring.
#include "ring_fixture.hpp"
#include "support/ring_faults.hpp"

#include <thread>

#include <fcntl.h>

using namespace aoetarget::ring;
using namespace aoetest;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

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

TEST_CASE("what is submitted with a full completion queue is submitted, and completes in its order",
          "[ring]") {
    const Patience patience;
    ring_faults.refuses_when_full = GENERATE(false, true); // this kernel, and one that takes nothing then
    Ring ring(256);
    Recorder recorder;
    const HandlerId id = ring.add_handler(recorder);
    const std::uint64_t count = 5 * ring.raw()->cq.ring_entries + 100;
    for (std::uint64_t i = 0; i < count; ++i) {
        submit_nop(ring, id, i);
        if (i % 100 == 0)
            ring.submit_prepared();
    }
    ring.submit_prepared();
    CHECK(recorder.seen.empty()); // no handler is called from within
    while (ring.outstanding(id) > 0)
        ring.wait();
    ring_faults.refuses_when_full = false;
    REQUIRE(recorder.seen.size() == count);
    for (std::uint64_t i = 0; i < count; ++i)
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

TEST_CASE("an operation that is cancelled completes with ECANCELED, and no other does", "[ring]") {
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

TEST_CASE("the features are listed in one line", "[ring]") {
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
