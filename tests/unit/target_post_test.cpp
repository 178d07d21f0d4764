// Functions that other threads post to a target.
#include "support/catch.hpp"
#include "target_fixture.hpp"

#include <optional>
#include <system_error>

#include <poll.h>

using namespace aoetest;
using aoetarget::Target;

namespace {

/// Counts how many functions that own it were destroyed.
struct Counted {
    std::atomic<int> destroyed = 0;
    std::shared_ptr<void> token() {
        return {nullptr, [this](void*) { ++destroyed; }};
    }
};

/// Posts from a thread of its own, until it is destroyed.
class Posting final : public aoetarget::BlockDevice {
  public:
    Posting(Target& target, std::function<void()> call)
        : thread_([this, &target, call = std::move(call)] {
              while (!ending_)
                  target.post(call);
          }) {}
    ~Posting() override {
        ending_ = true;
        thread_.join();
    }
    [[nodiscard]] aoetarget::Geometry geometry() const override {
        aoetarget::Geometry geometry;
        geometry.sectors = 8;
        return geometry;
    }
    void submit(aoetarget::Io& io) override { io.complete(); }

  private:
    std::atomic<bool> ending_ = false;
    std::thread thread_;
};

} // namespace

TEST_CASE("functions run on the target's thread in the order in which they were posted", "[target][post]") {
    const Patience patience;
    std::vector<int> order;
    std::set<std::thread::id> threads;
    RunningTarget running([&](Target& target) { // the first ones before run()
        for (int i = 0; i < 10; ++i)
            target.post([&, i] {
                order.push_back(i);
                threads.insert(std::this_thread::get_id());
            });
    });
    for (int i = 10; i < 1000; ++i)
        running.target().post([&, i] {
            order.push_back(i);
            threads.insert(std::this_thread::get_id());
        });
    running.on_its_thread([&](Target&) { threads.insert(std::this_thread::get_id()); });
    REQUIRE(order.size() == 1000);
    CHECK(std::ranges::is_sorted(order));
    CHECK(threads.size() == 1);
    CHECK_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST_CASE("threads that post at once each keep their order, and none is lost", "[target][post]") {
    constexpr std::size_t posters = 4;
    constexpr int each = 500;
    const Patience patience;
    RunningTarget running([](Target&) {});
    std::array<std::vector<int>, posters> order;
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < posters; ++thread)
        threads.emplace_back([&, thread] {
            for (int i = 0; i < each; ++i)
                running.target().post([&, thread, i] { order[thread].push_back(i); });
        });
    for (std::thread& thread : threads)
        thread.join();
    running.on_its_thread([](Target&) {});
    for (const std::vector<int>& of_thread : order) {
        CHECK(of_thread.size() == each);
        CHECK(std::ranges::is_sorted(of_thread));
    }
}

TEST_CASE("a host that sleeps on fd() is woken by a posted function", "[target][post]") {
    const Patience patience;
    Target target;
    while (readable(target.fd(), 100))
        target.poll();
    bool called = false;
    std::thread([&] { target.post([&] { called = true; }); }).join();
    CHECK(readable(target.fd(), 10000));
    target.poll();
    CHECK(called);
}

TEST_CASE("a posted function may change the target and post again", "[target][post]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log;
    Target target;
    int again = 0;
    std::function<void()> post_again = [&] {
        if (++again < 100)
            target.post(post_again);
        else
            target.stop();
    };
    target.post([&] {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), Volume::make(log));
        target.post(post_again);
    });
    target.run();
    CHECK(again == 100);
    CHECK(log.flushes == 1);
}

TEST_CASE("a turn makes only the calls that were posted before it", "[target][post]") {
    const Patience patience;
    Target target;
    int calls = 0;
    std::function<void()> forever = [&] {
        ++calls;
        target.post(forever);
    };
    target.post(forever);
    target.poll();
    CHECK(calls >= 1);
    CHECK(calls < 1000); // so poll() has returned
}

TEST_CASE("what a target has not called when it ends it destroys", "[target][post]") {
    const Patience patience;
    const std::string how = GENERATE(values<std::string>({"run", "poll", "destroyed", "stopped twice"}));
    CAPTURE(how);
    Counted counted;
    int calls = 0;
    std::optional<Target> target(std::in_place);
    if (how == "stopped twice")
        target->stop();
    if (how != "destroyed")
        target->stop();
    if (how == "poll") {
        while (target->poll()) {
        }
    } else if (how != "destroyed") {
        target->run();
    }
    target->post([&calls, token = counted.token()] { ++calls; });
    CHECK(counted.destroyed == (how == "destroyed" ? 0 : 1));
    target.reset();
    CHECK(counted.destroyed == 1);
    CHECK(calls == 0);
}

TEST_CASE("a function that is destroyed with the target may call it", "[target][post]") {
    Counted counted;
    std::optional<Target> target(std::in_place);
    Target& the_target = *target;
    target->post([token = std::shared_ptr<void>(nullptr, [&](void*) {
                      the_target.post([token = counted.token()] {});
                      CHECK(the_target.call_after(Milliseconds(1), [token = counted.token()] {}) == 0);
                  })] {});
    target.reset();
    CHECK(counted.destroyed == 2);
}

TEST_CASE("a thread that waits for its function learns that it is not called", "[target][post]") {
    const Patience patience;
    for (int round = 0; round < 50; ++round) {
        auto running = std::make_unique<RunningTarget>([](Target&) {});
        int asked = 0, made = 0;
        std::thread asker([&] {
            try {
                for (;; ++asked)
                    running->on_its_thread([&](Target&) { ++made; });
            } catch (const std::runtime_error&) { // it was destroyed
            }
        });
        running->end();
        asker.join();
        CHECK(asked == made);
        running.reset();
    }
}

TEST_CASE("a target can be destroyed as soon as a posted function has run", "[target][post]") {
    const Patience patience;
    for (int round = 0; round < 50; ++round) {
        auto target = std::make_unique<Target>();
        std::promise<void> ready;
        std::thread poster([&, the_target = target.get()] {
            ready.set_value();
            the_target->post([the_target] { the_target->stop(); });
        });
        ready.get_future().wait();
        target->run();
        target.reset(); // though post() may still be about to return
        poster.join();
    }
    SUCCEED();
}

TEST_CASE("a device's own thread may post until the device is destroyed", "[target][post]") {
    const Patience patience;
    const bool is_stopped = GENERATE(false, true); // or destroyed while it runs
    std::atomic<int> calls = 0;
    auto target = std::make_unique<Target>();
    target->add_export(at(1, 1), std::make_unique<Posting>(*target, [&] { ++calls; }));
    while (calls < 100)
        target->poll();
    if (is_stopped) {
        target->stop();
        target->run();
    }
    target.reset();
    const int at_end = calls;
    CHECK(at_end >= 100);
}

TEST_CASE("a function that is not there is refused", "[target][post]") {
    Target target;
    const auto error_of = [](const std::function<void()>& action) {
        try {
            action();
        } catch (const std::system_error& error) {
            return error.code().value();
        }
        return 0;
    };
    CHECK(error_of([&] { target.post({}); }) == EINVAL);
    CHECK(error_of([&] { target.call_after(Milliseconds(1), {}); }) == EINVAL);
}
