// An initiator that keeps a number of requests under way and counts the useful answers.
//
// By lib/core/ordering.md H9 an answer is useful if its host still waits for it. So each request counts once,
// with the first answer to it, and only if that comes within a second. An answer to a copy of an answered
// request is worth nothing.
#pragma once

#include "raw_client.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace aoetest {

/// Loads e1.1 with scattered reads and writes, a window at a time, and notes what was answered and when.
class WindowLoad {
  public:
    using Clock = std::chrono::steady_clock;
    using milliseconds = std::chrono::milliseconds;

    static constexpr milliseconds still_wanted{1000};

    /// `repeat`: for so long it waits before it sends a request again, as it was.
    WindowLoad(RawClient& client, std::size_t window, milliseconds repeat)
        : client_(client), window_(window), repeat_(repeat) {}

    struct Outcome {
        double rate = 0; ///< Useful answers per second.
        milliseconds slowest{};
        unsigned too_late = 0;
    };

    Outcome run(milliseconds time) {
        Outcome outcome;
        unsigned useful = 0;
        const auto begin = Clock::now();
        for (auto now = begin; now - begin < time; now = Clock::now()) {
            while (waiting_.size() < window_)
                ask(now);
            client_.wait_until(
                [&] {
                    return std::ranges::any_of(
                        waiting_, [&](const Sent& one) { return client_.answers_to(*one.request.tag) > 0; });
                },
                Milliseconds(2));
            now = Clock::now();
            std::erase_if(waiting_, [&](const Sent& one) {
                if (client_.answers_to(*one.request.tag) == 0)
                    return false;
                const auto taken = std::chrono::duration_cast<milliseconds>(now - one.first);
                outcome.slowest = std::max(outcome.slowest, taken);
                ++(taken <= still_wanted ? useful : outcome.too_late);
                return true;
            });
            for (Sent& one : waiting_) {
                if (now - one.newest >= repeat_) {
                    client_.send(one.request);
                    ++copies_;
                    one.newest = now;
                }
            }
        }
        outcome.rate = useful / std::chrono::duration<double>(Clock::now() - begin).count();
        return outcome;
    }
    /// Until all is answered.
    void finish() {
        client_.wait_until([&] {
            return std::ranges::all_of(
                waiting_, [&](const Sent& one) { return client_.answers_to(*one.request.tag) > 0; });
        });
        waiting_.clear();
    }
    [[nodiscard]] unsigned asked() const { return asked_; }
    [[nodiscard]] unsigned copies() const { return copies_; }

  private:
    struct Sent {
        Request request;
        Clock::time_point first, newest;
    };

    void ask(Clock::time_point now) {
        const std::uint64_t lba = 4 * (asked_ * 37 % 250); // no two of a window side by side, or the same
        const Request request =
            asked_ % 2 == 0 ? read_request(lba, 2) : write_request(lba, pattern(lba, 2, asked_));
        ++asked_;
        waiting_.push_back({client_.completed(request), now, now});
        client_.send(waiting_.back().request);
    }

    RawClient& client_;
    std::size_t window_;
    milliseconds repeat_;
    std::vector<Sent> waiting_;
    unsigned asked_ = 0;
    unsigned copies_ = 0;
};

} // namespace aoetest
