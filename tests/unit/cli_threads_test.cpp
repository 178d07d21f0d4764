// Several targets in one process: they start, tell and end together.
#include "service/target_threads.hpp"

#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

using cli::TargetThreads;

namespace {

/// A disk that takes a while to flush.
struct SlowFlush {
    class Device final : public aoetarget::BlockDevice {
      public:
        explicit Device(SlowFlush& disk) : disk_(disk) {}
        [[nodiscard]] aoetarget::Geometry geometry() const override { return {.sectors = 8}; }
        void submit(aoetarget::Io& io) override {
            disk_.thread = std::thread([this, &io] {
                std::this_thread::sleep_for(std::chrono::milliseconds(100));
                disk_.flushed = io.op == aoetarget::Io::Op::flush;
                io.complete_from_any_thread();
            });
        }

      private:
        SlowFlush& disk_;
    };
    ~SlowFlush() {
        if (thread.joinable())
            thread.join();
    }

    std::atomic<bool> flushed = false;
    std::thread thread;
};

} // namespace

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
        [&](const TargetThreads::AllStats& threads) {
            CHECK(threads.size() == count);
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
        },
        [] {});
    CHECK(told == 1);
    CHECK(confined_early == 0);
    CHECK(others.size() == count - 1);
    CHECK(others.count(std::this_thread::get_id()) == 0);
}

TEST_CASE("XDP on an interface is for a target that serves exports, and goes round", "[cli][threads]") {
    const std::size_t count = GENERATE(1u, 2u, 3u);
    TargetThreads targets({}, count);
    std::set<const aoetarget::Target*> serving, with_xdp;
    for (std::size_t number = 0; number < count; ++number) { // no fewer exports than targets
        serving.insert(&targets.serving(number));
        with_xdp.insert(&targets.with_xdp(number));
    }
    CHECK(serving.size() == count);
    CHECK(with_xdp == serving);
    CHECK(&targets.with_xdp(count) == &targets.with_xdp(0));
}

TEST_CASE("an exception of one thread ends all of them and is thrown at the end", "[cli][threads]") {
    TargetThreads targets({}, 3);
    const bool in_first = GENERATE(true, false);
    std::atomic<int> confined = 0;
    bool ended = false;
    const auto run = [&] {
        targets.run(
            [&](const TargetThreads::AllStats&) {
                if (in_first)
                    throw std::runtime_error("no");
            },
            [&] {
                if (++confined == 1 && !in_first)
                    throw std::runtime_error("no");
            },
            [&] { ended = true; });
    };
    CHECK_THROWS_AS(run(), std::runtime_error);
    CHECK(confined == 2);
    CHECK(ended);
}

TEST_CASE("whatever fails, and however often, each target ends in good order", "[cli][threads]") {
    TargetThreads targets({}, 3);
    std::array<SlowFlush, 3> disks;
    for (std::size_t i = 0; i < disks.size(); ++i)
        targets[i].add_export({.address = {1, static_cast<std::uint8_t>(i)}},
                              std::make_unique<SlowFlush::Device>(disks[i]));
    const bool in_first = GENERATE(true, false);
    const auto run = [&] {
        targets.run(
            [&](const TargetThreads::AllStats&) {
                if (in_first)
                    throw std::runtime_error("no");
            },
            [] { throw std::runtime_error("no"); }, [] {});
    };
    CHECK_THROWS_AS(run(), std::runtime_error);
    for (const SlowFlush& disk : disks)
        CHECK(disk.flushed);
}
