// Several targets in one process: each has a thread, a ring and a part of the exports of its own, and they
// share nothing. The kernel hands each the frames for its exports.
#pragma once

#include <aoetarget/target.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

namespace cli {

class TargetThreads {
  public:
    /// The interfaces of each target.
    using Interfaces = std::vector<std::vector<aoetarget::InterfaceStats>>;

    /// With a count of 1, everything happens on the thread that calls run(). Throws std::system_error.
    TargetThreads(const aoetarget::TargetOptions& options, std::size_t count);

    [[nodiscard]] std::size_t size() const { return targets_.size(); }
    aoetarget::Target& operator[](std::size_t index) { return *targets_[index]; }

    /// Every target takes its first turn. Then `listening` is called on this thread, with the interfaces of
    /// each target, and then `confine` on each other thread. Serves until stop(), or until one of them
    /// throws: all end in good order then, and the first exception is thrown again. `ended` is called
    /// on this thread when its own target has ended, before it waits for the others.
    void run(const std::function<void(const Interfaces&)>& listening, const std::function<void()>& confine,
             const std::function<void()>& ended);
    /// May be called from any thread; a second call changes nothing.
    void stop() noexcept;

  private:
    std::atomic_flag stopped_ = ATOMIC_FLAG_INIT;
    std::vector<std::unique_ptr<aoetarget::Target>> targets_;
};

} // namespace cli
