// Several targets in one process: each has a thread, a ring and a part of the exports of its own, and they
// share nothing. The kernel hands each the frames for its exports.
#pragma once

#include <aoetarget/target.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace cli {

class TargetThreads {
  public:
    /// The figures of each target.
    using AllStats = std::vector<aoetarget::Stats>;

    /// With a count of 1, everything happens on the thread that calls run(). Throws std::system_error.
    TargetThreads(const aoetarget::TargetOptions& options, std::size_t count);

    [[nodiscard]] std::size_t size() const { return targets_.size(); }
    aoetarget::Target& operator[](std::size_t index) { return *targets_[index]; }
    /// The target that serves the export with this number.
    aoetarget::Target& serving(std::size_t exported) { return *targets_[exported % size()]; }
    /// The one that may have XDP on the interface with this number: an XDP program hands the frames of an
    /// interface to one socket. Where there are at least as many exports as targets, as the service sees to,
    /// each target has something that XDP may bring.
    aoetarget::Target& with_xdp(std::size_t interface) { return *targets_[interface % size()]; }
    /// Returns the options with which a thread serves the interface with this number.
    [[nodiscard]] aoetarget::InterfaceOptions options_for(std::size_t thread, std::size_t interface,
                                                          aoetarget::InterfaceOptions options) {
        if (targets_[thread].get() != &with_xdp(interface))
            options.link = aoetarget::LinkKind::packet;
        return options;
    }

    /// Every target takes its first turn. Then `listening` is called on this thread, with the figures of
    /// each, and then `confine` on each other thread. Serves until stop(), or until one of them
    /// throws: all end in good order then, and the first exception is thrown again. `ended` is called
    /// on this thread when its own target has ended, before it waits for the others.
    void run(const std::function<void(const AllStats&)>& listening, const std::function<void()>& confine,
             const std::function<void()>& ended);
    /// Calls `work` on the thread of this target, in a later turn of its loop, and then `done` with the
    /// result on the first target's thread. If the targets end first, both are destroyed without being
    /// called.
    template <typename Work, typename Done>
    void ask(std::size_t thread, Work work, Done done) {
        targets_[thread]->post([this, thread, work = std::move(work), done = std::move(done)] {
            targets_[0]->post([done, result = work(*targets_[thread])] { done(result); });
        });
    }
    /// Calls `done` on the first target's thread, in a later turn of its loop, with the figures of each. If
    /// the targets end first, it is destroyed without being called.
    void gather(std::function<void(const AllStats&)> done);
    /// May be called from any thread; a second call changes nothing.
    void stop() noexcept;

  private:
    std::atomic_flag stopped_ = ATOMIC_FLAG_INIT;
    std::vector<std::unique_ptr<aoetarget::Target>> targets_;
};

} // namespace cli
