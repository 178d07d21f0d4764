// Descriptors of the host that a target watches, and watches that change and end.
#include "support/catch.hpp"
#include "target_fixture.hpp"

#include <array>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

using namespace aoetest;
using aoetarget::Target;

namespace {

/// Two connected sockets; neither blocks.
struct Sockets {
    Sockets() {
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
    }
    ~Sockets() {
        close_end(0);
        close_end(1);
    }
    void close_end(std::size_t end) {
        if (ends[end] >= 0)
            close(std::exchange(ends[end], -1));
    }
    void put() const { REQUIRE(write(ends[1], "x", 1) == 1); }
    void get() const {
        char byte = 0;
        REQUIRE(read(ends[0], &byte, 1) == 1);
    }
    std::array<int, 2> ends{};
};

/// Gives it some turns more, in which nothing should happen.
void turn_on(Target& target) {
    for (int i = 0; i < 20; ++i)
        target.poll();
}

} // namespace

TEST_CASE("a watch tells what has happened to its descriptor", "[target][watch]") {
    const Patience patience;
    Target target;
    Sockets sockets;
    short told = 0;
    const int fd = sockets.ends[0];
    target.watch(fd, POLLOUT, [&](short revents) { told = revents; });
    turn_until(target, [&] { return told != 0; });
    CHECK(told == POLLOUT);
    target.watch(fd, POLLIN, [&](short revents) {
        told = revents;
        target.unwatch(fd);
    });
    told = 0;
    turn_on(target);
    CHECK(told == 0);
    sockets.put();
    turn_until(target, [&] { return told != 0; });
    CHECK(told == POLLIN);
    sockets.get();
    told = 0;
    target.watch(fd, 0, [&](short revents) {
        told = revents;
        target.unwatch(fd);
    });
    sockets.put();
    turn_on(target);
    CHECK(told == 0);
    sockets.close_end(1);
    turn_until(target, [&] { return told != 0; });
    CHECK((told & POLLHUP) != 0); // though nobody has asked for it
}

TEST_CASE("a watch without a function is refused", "[target][watch]") {
    Target target;
    try {
        target.watch(0, std::function<void()>());
        FAIL("it was taken");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::invalid_argument);
    }
}

TEST_CASE("a second watch of a descriptor takes the place of the first", "[target][watch]") {
    const Patience patience;
    const bool started = GENERATE(false, true);
    const bool is_ready = GENERATE(false, true); // when it is changed
    Target target;
    const Sockets sockets;
    int first = 0, second = 0;
    const auto owned = std::make_shared<int>();
    target.watch(sockets.ends[0], [&, owned] { ++first; });
    if (started)
        turn_on(target);
    if (is_ready)
        sockets.put();
    target.watch(sockets.ends[0], [&] {
        ++second;
        sockets.get();
    });
    if (!is_ready)
        sockets.put();
    turn_until(target, [&] { return second > 0; });
    turn_on(target);
    CHECK(first == 0);
    CHECK(second == 1);
    CHECK(owned.use_count() == 1); // the first function was destroyed
}

TEST_CASE("a watch that has ended calls no more, even for what has happened before", "[target][watch]") {
    const Patience patience;
    Target target;
    const Sockets one, other;
    int calls = 0;
    // The one that is called first ends the other, though both are ready in the same turn.
    target.watch(one.ends[0], [&] {
        ++calls;
        target.unwatch(other.ends[0]);
        target.unwatch(one.ends[0]);
    });
    target.watch(other.ends[0], [&] {
        ++calls;
        target.unwatch(one.ends[0]);
        target.unwatch(other.ends[0]);
    });
    turn_on(target);
    one.put();
    other.put();
    turn_until(target, [&] { return calls > 0; });
    turn_on(target);
    CHECK(calls == 1);
}

TEST_CASE("a function may end and change its own watch, and lives until it returns", "[target][watch]") {
    const Patience patience;
    Target target;
    const Sockets sockets;
    const int fd = sockets.ends[0];
    int first = 0, second = 0;
    auto owned = std::make_shared<int>(7);
    const std::weak_ptr<int> life = owned;
    target.watch(fd, [&, owned = std::move(owned)] {
        ++first;
        target.unwatch(fd);
        target.watch(fd, [&] {
            ++second;
            target.unwatch(fd);
        });
        CHECK(*owned == 7);
    });
    sockets.put();
    turn_until(target, [&] { return second > 0; });
    turn_on(target);
    CHECK(first == 1);
    CHECK(second == 1);
    CHECK(life.expired());
}

TEST_CASE("a function that goes with its watch may call the target", "[target][watch]") {
    const Patience patience;
    const Sockets one, other;
    int ended = 0;
    const std::string when = GENERATE(values<std::string>({"unwatched", "changed", "destroyed"}));
    CAPTURE(when);
    {
        Target target;
        const auto ends_other = std::shared_ptr<void>(nullptr, [&](void*) {
            ++ended;
            target.unwatch(other.ends[0]);
            target.unwatch(one.ends[0]);
            target.cancel_call(target.call_after(Milliseconds(0), [] {}));
            target.post([] {});
        });
        target.watch(one.ends[0], [ends_other] {});
        target.watch(other.ends[0], [] {});
        const_cast<std::shared_ptr<void>&>(ends_other).reset();
        turn_on(target);
        if (when == "unwatched")
            target.unwatch(one.ends[0]);
        if (when == "changed")
            target.watch(one.ends[0], [] {});
        turn_on(target);
        CHECK(ended == (when == "destroyed" ? 0 : 1));
    }
    CHECK(ended == 1);
}

TEST_CASE("a socket closes soon after its watch has ended", "[target][watch]") {
    const Patience patience;
    const bool is_own = GENERATE(false, true); // ended by its own function
    Target target;
    Sockets sockets;
    const int fd = sockets.ends[0];
    bool called = false;
    target.watch(fd, [&] {
        called = true;
        sockets.get();
        if (is_own) {
            target.unwatch(fd);
            sockets.close_end(0);
        }
    });
    turn_on(target);
    if (is_own) {
        sockets.put();
        turn_until(target, [&] { return called; });
    } else {
        target.unwatch(fd);
        sockets.close_end(0);
        CHECK(readable(target.fd(), 10000)); // a host that sleeps has to give the target a turn
    }
    // The other end learns of it as soon as nobody holds this one open.
    turn_until(target, [&] { return readable(sockets.ends[1], 0); });
    char byte = 0;
    CHECK(read(sockets.ends[1], &byte, 1) == 0);
}

TEST_CASE("a number that is used again for another file never gets the events of the old one",
          "[target][watch]") {
    const Patience patience;
    const bool started = GENERATE(false, true);
    const bool unwatched = GENERATE(false, true); // or replaced
    Target target;
    Sockets old;
    const int number = old.ends[0];
    int old_calls = 0, new_calls = 0;
    target.watch(number, [&] { ++old_calls; });
    if (started)
        turn_on(target);
    old.put(); // so that its event may be on its way
    if (unwatched)
        target.unwatch(number);
    old.close_end(0);
    const Sockets fresh;
    REQUIRE(fresh.ends[0] == number);
    target.watch(number, [&] { ++new_calls; });
    turn_on(target);
    CHECK(old_calls == 0);
    CHECK(new_calls == 0);
    fresh.put();
    turn_until(target, [&] { return new_calls > 0; });
    CHECK(old_calls == 0);
}

TEST_CASE("thousands of watches come and go and leave nothing behind", "[target][watch]") {
    const Patience patience;
    const bool with_turns = GENERATE(false, true);
    Target target;
    const auto owned = std::make_shared<int>();
    const auto descriptors = [] {
        const int next = dup(0);
        close(next);
        return next;
    };
    const int before = descriptors();
    int calls = 0;
    for (int i = 0; i < 5000; ++i) {
        Sockets sockets;
        target.watch(sockets.ends[0], [&, owned] { ++calls; });
        if (with_turns) {
            target.poll();
            sockets.put();
        }
        target.unwatch(sockets.ends[0]);
    }
    turn_on(target);
    CHECK(calls == 0);
    CHECK(descriptors() == before);
    CHECK(owned.use_count() == 1);
}

TEST_CASE("a target that is set up on one thread with many watches runs on another", "[target][watch]") {
    const Patience patience;
    Target target;
    const Sockets sockets;
    for (int i = 0; i < 3000; ++i) { // more than the ring takes at once
        target.watch(sockets.ends[0], [] {});
        target.unwatch(sockets.ends[0]);
    }
    target.watch(sockets.ends[0], [&] { target.stop(); });
    sockets.put();
    std::thread([&] { target.run(); }).join();
    SUCCEED();
}

TEST_CASE("a target that has ended watches nothing, and forgets its watches", "[target][watch]") {
    const Patience patience;
    const unsigned stops = GENERATE(1U, 2U);
    Target target;
    const Sockets sockets;
    const auto owned = std::make_shared<int>();
    int calls = 0;
    target.watch(sockets.ends[0], [&, owned] { ++calls; });
    for (unsigned i = 0; i < stops; ++i)
        target.stop();
    target.run();
    sockets.put();
    target.watch(sockets.ends[1], POLLOUT, [&](short) { ++calls; });
    target.run();
    target.unwatch(sockets.ends[0]);
    CHECK_FALSE(target.poll());
    CHECK(calls == 0);
    CHECK(owned.use_count() <= 2);
}
