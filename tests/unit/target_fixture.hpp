// A host of the library: volumes of its own in memory, and a target that runs on a thread of its own.
#pragma once

#include "support/patience.hpp"
#include "support/raw_client.hpp"
#include "support/test_network.hpp"

#include <aoetarget/target.hpp>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace aoetest {

inline aoetarget::ExportOptions at(unsigned shelf, unsigned slot) {
    aoetarget::ExportOptions options;
    options.address = {static_cast<std::uint16_t>(shelf), static_cast<std::uint8_t>(slot)};
    return options;
}

inline bool readable(int fd, int timeout_ms) {
    pollfd wanted{fd, POLLIN, 0};
    return ::poll(&wanted, 1, timeout_ms) == 1;
}

/// Gives the target turns until `condition` holds.
inline void turn_until(aoetarget::Target& target, const std::function<bool()>& condition) {
    while (!condition()) {
        readable(target.fd(), 1000);
        target.poll();
    }
}

/// What a volume did, for whoever outlives it.
struct VolumeLog {
    std::atomic<unsigned> operations{0};
    std::atomic<unsigned> flushes{0};
    std::atomic<bool> exists{true};
    std::atomic<bool> held{
        false}; ///< Nothing is completed as long as this is set; only for volumes with a worker.
};

/// Sectors in memory, filled with pattern(). Either completes at once, or hands everything to a thread.
class Volume final : public aoetarget::BlockDevice {
  public:
    enum class Way { at_once, worker };

    explicit Volume(VolumeLog& log, std::uint64_t sectors = 2048, Way way = Way::at_once)
        : log_(log), data_(pattern(0, sectors)), way_(way) {
        geometry_.sectors = sectors;
        if (way == Way::worker)
            worker_ = std::thread([this] { work(); });
    }
    ~Volume() override {
        if (worker_.joinable()) {
            {
                const std::lock_guard lock(mutex_);
                ending_ = true;
            }
            arrived_.notify_one();
            worker_.join();
        }
        log_.exists = false;
    }

    [[nodiscard]] aoetarget::Geometry geometry() const override { return geometry_; }
    [[nodiscard]] std::string identity() const override { return "volume"; }
    void submit(aoetarget::Io& io) override {
        ++log_.operations;
        if (io.op == aoetarget::Io::Op::flush)
            ++log_.flushes;
        if (way_ == Way::at_once) {
            carry_out(io);
            io.complete();
            return;
        }
        {
            const std::lock_guard lock(mutex_);
            waiting_.push_back(&io);
        }
        arrived_.notify_one();
    }

    static std::unique_ptr<Volume> make(VolumeLog& log, std::uint64_t sectors = 2048,
                                        Way way = Way::at_once) {
        return std::make_unique<Volume>(log, sectors, way);
    }

  private:
    void carry_out(aoetarget::Io& io) {
        std::uint8_t* at = data_.data() + io.range.first * sector_bytes;
        for (const iovec& buffer : io.buffers) {
            if (io.op == aoetarget::Io::Op::read)
                std::memcpy(buffer.iov_base, at, buffer.iov_len);
            else
                std::memcpy(at, buffer.iov_base, buffer.iov_len);
            at += buffer.iov_len;
        }
    }

    void work() {
        std::unique_lock lock(mutex_);
        for (;;) {
            arrived_.wait_for(lock, Milliseconds(1),
                              [&] { return ending_ || (!waiting_.empty() && !log_.held); });
            while (!waiting_.empty() && !log_.held) {
                aoetarget::Io* io = waiting_.back(); // the newest first, for there is no order among them
                waiting_.pop_back();
                lock.unlock();
                carry_out(*io);
                io->complete_from_any_thread();
                lock.lock();
            }
            if (ending_)
                return;
        }
    }

    VolumeLog& log_;
    aoetarget::Geometry geometry_;
    Bytes data_;
    Way way_;
    std::thread worker_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<aoetarget::Io*> waiting_;
    bool ending_ = false;
};

/// A target on a thread of its own, which also does there what the test asks for.
class RunningTarget {
  public:
    explicit RunningTarget(const std::function<void(aoetarget::Target&)>& set_up,
                           const aoetarget::TargetOptions& options = {})
        : target_(options) {
        set_up(target_);
        thread_ = std::thread([this] {
            target_.run();
            ended_ = true;
        });
    }
    ~RunningTarget() { end(); }
    RunningTarget(const RunningTarget&) = delete;
    RunningTarget& operator=(const RunningTarget&) = delete;

    /// Stops the target and waits until run() has returned.
    void end() {
        if (!thread_.joinable())
            return;
        target_.stop();
        thread_.join();
    }
    [[nodiscard]] aoetarget::Target& target() { return target_; }
    [[nodiscard]] bool ended() const { return ended_; }
    void join() { thread_.join(); }

    /// Runs `work` on the target's thread and waits until it is done. Throws if the target has ended before.
    void on_its_thread(const std::function<void(aoetarget::Target&)>& work) {
        auto fate = std::make_shared<Fate>();
        std::future<bool> is_done = fate->promise.get_future();
        target_.post([this, &work, fate = std::move(fate)] { // destroyed with it
            work(target_);
            fate->done = true;
        });
        if (!is_done.get())
            throw std::runtime_error("the target has ended");
    }
    [[nodiscard]] aoetarget::Stats stats() {
        aoetarget::Stats stats;
        on_its_thread([&](aoetarget::Target& target) { stats = target.stats(); });
        return stats;
    }

  private:
    /// Tells at its end whether a function was called.
    struct Fate {
        ~Fate() { promise.set_value(done); }
        std::promise<bool> promise;
        bool done = false;
    };

    aoetarget::Target target_;
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

/// The arrangement of most tests: a volume, served as e1.1 on the standard wire, and one client.
struct ServedVolume {
    explicit ServedVolume(Volume::Way way = Volume::Way::at_once)
        : running([&](aoetarget::Target& target) {
              target.add_interface(wire.target_end());
              target.add_export(at(1, 1), Volume::make(log, 2048, way));
          }) {}

    Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log;
    RunningTarget running;
    RawClient client{wire};
};

} // namespace aoetest
