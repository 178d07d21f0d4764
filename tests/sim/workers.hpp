// The kernel's worker threads, in which io_uring carries out operations that may block. Their number is
// bounded: an operation that finds none waits for one, first come, first served, whatever its disk is.
#pragma once

#include <deque>
#include <functional>

namespace aoesim {

class Workers {
  public:
    explicit Workers(unsigned count) : count_(count) {}

    /// There may be so many from now on. Those that are busy stay.
    void set_count(unsigned count) {
        count_ = count;
        while (busy_ < count_ && !waiting_.empty()) {
            const auto work = std::move(waiting_.front());
            waiting_.pop_front();
            ++busy_;
            work();
        }
    }
    /// Has a worker begin, now or when one is free. It is taken until done().
    void begin(std::function<void()> work) {
        if (busy_ >= count_) {
            waiting_.push_back(std::move(work));
            return;
        }
        ++busy_;
        work();
    }
    /// A worker has ended what it began.
    void done() {
        if (waiting_.empty() || busy_ > count_) {
            --busy_;
            return;
        }
        const auto work = std::move(waiting_.front());
        waiting_.pop_front();
        work();
    }
    /// The target has ended, and its ring with it. Nobody calls done() for what was under way.
    void end() {
        waiting_.clear();
        busy_ = 0;
    }

    [[nodiscard]] unsigned busy() const { return busy_; }
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  private:
    unsigned count_, busy_ = 0;
    std::deque<std::function<void()>> waiting_;
};

} // namespace aoesim
