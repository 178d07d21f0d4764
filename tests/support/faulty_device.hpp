// A device around another one that, as a test wants it, is slow, fails, or finishes in another order than
// that of submission. It does the operation on the inner device at once; only the answer is late.
#pragma once

#include <aoetarget/block_device.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <queue>
#include <random>
#include <thread>
#include <vector>

namespace aoetest {

struct Faults {
    using Duration = std::chrono::microseconds;

    Duration service{0}; ///< One operation at a time takes this long.
    Duration latency{0}; ///< Each operation takes this much longer, side by side with others.
    Duration jitter{0};  ///< And up to this much at random, so that they finish in any order.
    /// If set: what becomes of an operation, 0 or an errno value. One that fails does not reach the device.
    /// Called on the target's thread.
    std::function<int(const aoetarget::Io&)> error_of = {};
};

class FaultyDevice final : public aoetarget::BlockDevice, private aoetarget::IoOwner {
  public:
    using Io = aoetarget::Io;

    FaultyDevice(std::unique_ptr<aoetarget::BlockDevice> inner, Faults faults)
        : inner_(std::move(inner)), faults_(std::move(faults)), worker_([this] { work(); }) {}
    ~FaultyDevice() override {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
        }
        changed_.notify_one();
        worker_.join();
    }

    [[nodiscard]] aoetarget::Geometry geometry() const override { return inner_->geometry(); }
    [[nodiscard]] std::string identity() const override { return inner_->identity(); }

    void submit(Io& io) override {
        const int error = faults_.error_of ? faults_.error_of(io) : 0;
        if (error != 0)
            return answer_later(io, error);
        std::unique_ptr<Copy> copy;
        {
            const std::lock_guard lock(mutex_);
            if (!unused_.empty()) {
                copy = std::move(unused_.back());
                unused_.pop_back();
            }
        }
        if (!copy)
            copy = std::make_unique<Copy>(static_cast<aoetarget::IoOwner*>(this));
        inner_->submit(copy.release()->of(io));
    }

  private:
    using Clock = std::chrono::steady_clock;

    struct Copy final : Io {
        explicit Copy(IoOwner* owner) : Io(owner) {}
        Io& of(Io& io) {
            outer = &io;
            op = io.op;
            durable = io.durable;
            range = io.range;
            buffers = io.buffers;
            return *this;
        }
        [[nodiscard]] int error() const { return error_; }
        Io* outer = nullptr;
    };

    struct Answer {
        Clock::time_point due;
        Io* io;
        int error;
        bool operator<(const Answer& other) const { return due > other.due; } // the earliest is on top
    };

    void completed(Io& io) noexcept override { completed_from_any_thread(io); }
    void completed_from_any_thread(Io& io) noexcept override {
        std::unique_ptr<Copy> copy(static_cast<Copy*>(&io));
        Io& outer = *copy->outer;
        const int error = copy->error();
        {
            const std::lock_guard lock(mutex_);
            unused_.push_back(std::move(copy));
        }
        answer_later(outer, error);
    }

    void answer_later(Io& io, int error) {
        {
            const std::lock_guard lock(mutex_);
            free_at_ = std::max(free_at_, Clock::now()) + faults_.service;
            const auto extra = faults_.jitter.count() == 0
                                   ? 0
                                   : static_cast<std::int64_t>(
                                         random_() % static_cast<std::uint64_t>(faults_.jitter.count()));
            answers_.push({free_at_ + faults_.latency + Faults::Duration(extra), &io, error});
        }
        changed_.notify_one();
    }

    void work() {
        std::unique_lock lock(mutex_);
        while (!ending_) {
            if (answers_.empty()) {
                changed_.wait(lock);
            } else if (const Answer answer = answers_.top(); answer.due <= Clock::now()) {
                answers_.pop();
                lock.unlock();
                answer.io->complete_from_any_thread(answer.error);
                lock.lock();
            } else {
                changed_.wait_until(lock, answer.due);
            }
        }
    }

    std::unique_ptr<aoetarget::BlockDevice> inner_;
    Faults faults_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::priority_queue<Answer> answers_;
    std::vector<std::unique_ptr<Copy>> unused_;
    Clock::time_point free_at_ = Clock::now();
    std::minstd_rand random_;
    bool ending_ = false;
    std::thread worker_;
};

} // namespace aoetest
