// Times of arrival: how stamps of the wall clock become times of the core's clock, and where they stand in
// memory.
#include "net/arrival_clock.hpp"
#include "net/stamped_frame.hpp"
#include "support/catch.hpp"

#include <vector>

using namespace std::chrono_literals;
using aoetarget::core::Time;
using aoetarget::net::ArrivalClock;
using aoetarget::net::StampedFrame;

namespace {

/// A machine whose clocks are read in no time, or in as much as a test says.
struct Machine {
    Time now = 100s;
    Time wall_distance = 1'700'000'000s;
    ArrivalClock clock;

    Time stamp() const { return now + wall_distance; }
    void read(Time duration = 50ns, Time before_wall = 25ns) {
        clock.read({.before = now, .wall = now + before_wall + wall_distance, .after = now + duration});
        now += duration;
    }
};

} // namespace

TEST_CASE("a stamp becomes the time at which the frame came", "[net][arrival]") {
    Machine machine;
    machine.read();
    const Time came = machine.now;
    const Time stamp = machine.stamp();
    machine.now += 300ms;
    machine.read();
    REQUIRE(machine.clock.convert(stamp));
    CHECK(std::chrono::abs(*machine.clock.convert(stamp) - came) <= ArrivalClock::tolerance);
}

TEST_CASE("stamps keep their order and distance, however unevenly the clocks are read", "[net][arrival]") {
    Machine machine;
    machine.read();
    std::optional<Time> last;
    for (int i = 0; i < 1000; ++i) {
        const Time stamp = machine.stamp();
        machine.now += 1us;
        const Time duration = i % 7 == 0 ? 30ms : 40ns; // interrupted in between, early or late
        machine.read(duration, i % 2 == 0 ? duration : 0ns);
        const std::optional<Time> arrival = machine.clock.convert(stamp);
        REQUIRE(arrival);
        if (last)
            REQUIRE(*arrival > *last);
        last = arrival;
    }
}

TEST_CASE("no frame comes from the future", "[net][arrival]") {
    Machine machine;
    machine.read();
    CHECK(machine.clock.convert(machine.stamp() + 1h) == machine.now);
}

TEST_CASE("after the wall clock was set forward, frames that waited are older than new ones",
          "[net][arrival]") {
    Machine machine;
    machine.read();
    const Time waiting = machine.stamp();
    machine.now += 10ms;
    const Time step = GENERATE(Time(20us), Time(1s), Time(1h), Time(40 * 365 * 24h));
    machine.wall_distance += step;
    machine.now += 1ms;
    const Time fresh = machine.stamp();
    machine.now += 1ms;
    machine.read();
    REQUIRE(machine.clock.convert(waiting));
    REQUIRE(machine.clock.convert(fresh));
    CHECK(*machine.clock.convert(waiting) < *machine.clock.convert(fresh));
    CHECK(std::chrono::abs(*machine.clock.convert(fresh) - (machine.now - 1ms)) <=
          ArrivalClock::tolerance + 50ns);
}

TEST_CASE("after the wall clock was set back, no stamp counts for a moment, and then all do",
          "[net][arrival]") {
    Machine machine;
    machine.read();
    const Time waiting = machine.stamp();
    machine.wall_distance -= GENERATE(Time(20us), Time(1s), Time(1h), Time(40 * 365 * 24h));
    machine.now += 1ms;
    machine.read();
    CHECK_FALSE(machine.clock.convert(waiting));
    CHECK_FALSE(machine.clock.convert(machine.stamp()));
    machine.now += ArrivalClock::settling_time - 1ms;
    machine.read();
    CHECK_FALSE(machine.clock.convert(machine.stamp()));
    machine.now += 1ms;
    machine.read();
    REQUIRE(machine.clock.convert(machine.stamp()));
    CHECK(std::chrono::abs(*machine.clock.convert(machine.stamp()) - machine.now) <=
          ArrivalClock::tolerance + 50ns);
}

TEST_CASE("the moment at which the core's clock began is not mistaken for an unknown one", "[net][arrival]") {
    Machine machine;
    machine.read();
    const std::optional<Time> now = machine.clock.convert(machine.stamp());
    REQUIRE(now);
    CHECK(machine.clock.convert(machine.stamp() - *now) == Time{1});
}

TEST_CASE("the machine's own clocks agree with each other", "[net][arrival]") {
    ArrivalClock clock;
    for (int i = 0; i < 1000; ++i) {
        clock.next_turn();
        const Time before = std::chrono::steady_clock::now().time_since_epoch();
        const Time stamp = std::chrono::system_clock::now().time_since_epoch();
        const std::optional<Time> arrival = clock.arrival(stamp);
        REQUIRE(arrival);
        CHECK(*arrival >= before - 10ms); // it was interrupted when it looked for the first time
        CHECK(*arrival <= std::chrono::steady_clock::now().time_since_epoch());
    }
}

TEST_CASE("length and stamp are read from the header before a frame", "[net][arrival]") {
    std::vector<std::byte> memory(StampedFrame::header_bytes);
    io_uring_recvmsg_out header{
        .namelen = 0, .controllen = StampedFrame::control_bytes, .payloadlen = 9018, .flags = MSG_TRUNC};
    const cmsghdr control{
        .cmsg_len = CMSG_LEN(sizeof(timespec)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_TIMESTAMPNS};
    const timespec stamp{.tv_sec = 17, .tv_nsec = 4};
    std::memcpy(memory.data(), &header, sizeof header);
    std::memcpy(memory.data() + sizeof header, &control, sizeof control);
    std::memcpy(memory.data() + sizeof header + CMSG_LEN(0), &stamp, sizeof stamp);
    CHECK(StampedFrame(memory).length() == 9018);
    CHECK(StampedFrame(memory).stamp() == 17s + 4ns);

    header.controllen = 0; // what lies there is that of an earlier frame
    std::memcpy(memory.data(), &header, sizeof header);
    CHECK(StampedFrame(memory).length() == 9018);
    CHECK_FALSE(StampedFrame(memory).stamp());
}
