// Starts and ends the threads.
#include "service/target_threads.hpp"

#include <exception>
#include <latch>
#include <thread>

#include <malloc.h>

namespace cli {
namespace {

/// Does the work of one thread, and keeps the first exception for later.
class Part {
  public:
    explicit Part(aoetarget::Target& target) : target_(target) {}

    void take_first_turn() {
        attempt([&] {
            target_.poll(); // the ring starts with the first turn: from now on it listens to every interface
            stats = target_.stats();
        });
    }
    template <typename Work>
    void attempt(Work work) {
        try {
            work();
        } catch (...) {
            if (!failure)
                failure = std::current_exception();
        }
    }

    aoetarget::Stats stats;
    std::exception_ptr failure;

  private:
    aoetarget::Target& target_;
};

} // namespace

TargetThreads::TargetThreads(const aoetarget::TargetOptions& options, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        targets_.push_back(std::make_unique<aoetarget::Target>(options));
    // A heap for each thread would be faster, but takes system calls that are forbidden later.
    if (count > 1)
        mallopt(M_ARENA_MAX, 1);
}

void TargetThreads::stop() noexcept {
    if (stopped_.test_and_set())
        return; // a target that is stopped again does not wait for its disks
    for (const auto& target : targets_)
        target->stop();
}

void TargetThreads::gather(std::function<void(const AllStats&)> done) {
    struct Gathering {
        AllStats stats;
        std::size_t missing;
    };
    const auto gathering = std::make_shared<Gathering>(Gathering{AllStats(size()), size()});
    for (std::size_t i = 0; i < size(); ++i)
        ask(
            i, [](const aoetarget::Target& target) { return target.stats(); },
            [gathering, done, i](const aoetarget::Stats& stats) {
                gathering->stats[i] = stats;
                if (--gathering->missing == 0)
                    done(gathering->stats);
            });
}

void TargetThreads::run(const std::function<void(const AllStats&)>& listening,
                        const std::function<void()>& confine, const std::function<void()>& ended) {
    std::vector<Part> parts;
    for (const auto& target : targets_)
        parts.emplace_back(*target);
    std::latch all_listen(static_cast<std::ptrdiff_t>(size())), told(1);

    const auto stop_after_failure = [&](std::size_t index) {
        if (parts[index].failure)
            stop();
    };
    // Targets run after a failure, too: requests may have come in with the first turn, and an orderly end
    // flushes.
    const auto serve = [&](std::size_t index) {
        stop_after_failure(index);
        parts[index].attempt([&] { targets_[index]->run(); });
        stop_after_failure(index);
    };
    std::vector<std::thread> threads;
    parts[0].attempt([&] {
        for (std::size_t i = 1; i < size(); ++i)
            threads.emplace_back([&, i] {
                parts[i].take_first_turn();
                all_listen.count_down();
                told.wait();
                parts[i].attempt(confine);
                serve(i);
            });
    });
    parts[0].take_first_turn();
    all_listen.count_down(
        static_cast<std::ptrdiff_t>(size() - threads.size())); // also for threads that did not start
    all_listen.wait();
    parts[0].attempt([&] {
        AllStats stats;
        for (const Part& part : parts) {
            if (part.failure)
                return; // the failure is thrown at the end
            stats.push_back(part.stats);
        }
        listening(stats);
    });
    told.count_down();
    serve(0);
    ended();
    for (std::thread& thread : threads)
        thread.join();
    for (const Part& part : parts) {
        if (part.failure)
            std::rethrow_exception(part.failure);
    }
}

} // namespace cli
