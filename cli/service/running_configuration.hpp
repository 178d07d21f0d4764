// The configuration that runs, and how another one takes its place while the targets serve.
#pragma once

#include "config/difference.hpp"
#include "service/target_threads.hpp"

#include <aoetarget/file_device.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cli {

/// Devices that were opened for exports, by their addresses.
using OpenDevices = std::map<aoetarget::Address, std::unique_ptr<aoetarget::FileDevice>>;

/// It belongs to the first target's thread.
class RunningConfiguration {
  public:
    /// Called on the first target's thread, with an error that has cause and cure, or with an empty text.
    using Done = std::function<void(const std::string& error)>;
    /// Called on the thread that serves an export, when its device leaves.
    using Leave = std::function<void(const aoetarget::Address& address)>;

    /// The targets serve this configuration already, export N on thread N modulo their number.
    RunningConfiguration(TargetThreads& targets, Configuration configuration, Leave leave);

    [[nodiscard]] const Configuration& now() const { return configuration_; }

    /// Makes the targets serve another configuration, which is sorted. What is equal is not touched. Devices
    /// that are not needed are closed. If a part fails, what was done before is undone, and nothing has
    /// changed. Throws Failure if the change is impossible, and then calls nothing.
    void change_to(Configuration configuration, OpenDevices devices, Done done);

    /// Puts another device under an export, with the options that it has. Throws Failure if there is no such
    /// export, or `devices` has none for it.
    void reopen(const aoetarget::Address& address, OpenDevices devices, Done done);

    /// Calls `done` on the first target's thread with the capacity of the export in sectors, after a larger
    /// one was taken over. Throws Failure if there is no such export.
    void resize(const aoetarget::Address& address, std::function<void(std::uint64_t sectors)> done);

  private:
    /// What one thread does, and what undoes it.
    struct Step {
        std::size_t thread;
        std::function<void(aoetarget::Target& target)> make;
        std::function<void(aoetarget::Target& target)> undo;
    };
    struct Transition;
    using ThreadOf = std::map<aoetarget::Address, std::size_t>;

    /// Throws Failure while another one is under way.
    [[nodiscard]] std::shared_ptr<Transition> prepare(Configuration configuration, Done done) const;
    void start(const std::shared_ptr<Transition>& transition);
    void check(const std::vector<Change>& changes, const OpenDevices& devices) const;
    void plan(Transition& transition, const std::vector<Change>& changes, OpenDevices& devices);
    void plan(Transition& transition, const Change& change, const ExportSpec& spec, OpenDevices& devices);
    void plan(Transition& transition, const Change& change, const InterfaceSpec& spec);
    [[nodiscard]] static Step check_of(std::size_t thread, const aoetarget::Address& address,
                                       std::uint64_t sectors);
    [[nodiscard]] Step swap(std::size_t thread, const aoetarget::Address& address,
                            std::unique_ptr<aoetarget::FileDevice> device) const;
    void make_next(const std::shared_ptr<Transition>& transition);
    void undo_next(const std::shared_ptr<Transition>& transition, const std::string& error);
    [[nodiscard]] std::size_t least_used_thread(const ThreadOf& thread_of) const;
    /// Throws Failure if there is no such export.
    [[nodiscard]] std::size_t thread_serving(const aoetarget::Address& address) const;

    TargetThreads& targets_;
    Leave leave_;
    Configuration configuration_;
    ThreadOf thread_of_;
    bool is_changing_ = false;
};

} // namespace cli
