// Several targets in one process: they start, tell and end together.
#include "target_threads.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

using cli::TargetThreads;

TEST_CASE("each target has a thread; the first is the caller's, which tells when all listen",
          "[cli][threads]") {
    const std::size_t count = GENERATE(1u, 2u, 5u);
    TargetThreads targets({}, count);
    REQUIRE(targets.size() == count);
    std::mutex mutex;
    std::set<std::thread::id> others;
    std::atomic<std::size_t> told = 0;
    std::atomic<std::size_t> confined_early = 0;
    targets.run(
        [&](const TargetThreads::Interfaces& interfaces) {
            CHECK(interfaces.size() == count);
            CHECK(others.empty());
            ++told;
            if (count == 1)
                targets.stop();
        },
        [&] {
            if (told == 0)
                ++confined_early;
            const std::lock_guard lock(mutex);
            others.insert(std::this_thread::get_id());
            if (others.size() == count - 1)
                targets.stop();
        });
    CHECK(told == 1);
    CHECK(confined_early == 0);
    CHECK(others.size() == count - 1);
    CHECK(others.count(std::this_thread::get_id()) == 0);
}

TEST_CASE("what one thread throws ends all of them and is thrown at the end", "[cli][threads]") {
    TargetThreads targets({}, 3);
    const bool in_first = GENERATE(true, false);
    std::atomic<int> confined = 0;
    const auto run = [&] {
        targets.run(
            [&](const TargetThreads::Interfaces&) {
                if (in_first)
                    throw std::runtime_error("no");
            },
            [&] {
                if (++confined == 1 && !in_first)
                    throw std::runtime_error("no");
            });
    };
    CHECK_THROWS_AS(run(), std::runtime_error);
    CHECK(confined == 2);
}
