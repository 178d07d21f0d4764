// The configuration that runs, and how another one takes its place while the targets serve.
#pragma once

#include "config/difference.hpp"
#include "service/closing.hpp"
#include "service/dependencies.hpp"
#include "service/opened.hpp"
#include "service/transition.hpp"

#include <aoetarget/address.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cli {

/// It belongs to the first target's thread.
class RunningConfiguration {
  public:
    using Done = Transition::Done;
    /// Called on the thread that serves an export, when its device leaves.
    using Leave = std::function<void(const aoetarget::Address& address)>;

    /// The targets serve this configuration already, export N on thread N modulo their number.
    RunningConfiguration(TargetThreads& targets, Configuration configuration, Leave leave);

    [[nodiscard]] const Configuration& now() const { return configuration_; }

    /// Makes the targets serve another configuration, which is sorted and has no faults. What is equal is not
    /// touched. What is opened and not needed is closed. Calls `done` on the first target's thread, when all
    /// is done or undone. Throws Failure if the change is impossible as a whole, and then calls nothing.
    void change_to(Configuration configuration, Opened opened, Transition::Extent extent, Done done);

    /// Puts another device under an export, with the options that it has. Throws Failure if there is no such
    /// export, or `devices` has none for it.
    void reopen(const aoetarget::Address& address, OpenDevices devices, Done done);

    struct Sizes {
        std::uint64_t sectors = 0;        ///< Initiators know of them.
        std::uint64_t device_sectors = 0; ///< Fewer if the device has shrunk.
    };
    /// Calls `done` on the first target's thread with the sizes of the export, after a larger one was taken
    /// over. Throws Failure if there is no such export.
    void resize(const aoetarget::Address& address, std::function<void(const Sizes& sizes)> done);

  private:
    using ThreadOf = std::map<aoetarget::Address, std::size_t>;
    /// What is under way.
    struct Present {
        std::unique_ptr<Transition> transition;
        std::vector<Change> changes = {};
        OpenDevices devices = {};
        OpenInterfaces interfaces = {};
        Moves moves = {};
        /// Of interfaces that have got another name since: their new entries, and the old.
        std::map<std::string, std::string> renamed = {};
        std::optional<Dependencies> dependencies = {}; ///< Once something has failed.
        ThreadOf thread_of = {};                       ///< at the end, if nothing fails
        std::vector<std::size_t> exports_of = {};      ///< of each thread, as `thread_of` says
        std::shared_ptr<Closing> closing = {}; ///< Of the exports that are removed; null if there are none.
        Done done = {};
    };

    /// Throws Failure while another change is under way.
    [[nodiscard]] std::shared_ptr<Present> prepare(Transition::Extent extent, Done done) const;
    static void note_moves(Present& present);
    [[nodiscard]] std::string obstacle_to(const Change& change, const Present& present) const;
    void start(const std::shared_ptr<Present>& present);
    void plan(Present& present, const Change& change);
    void plan(Present& present, const Change& change, const ExportSpec& spec);
    void plan(Present& present, const Change& change, const InterfaceSpec& spec);
    [[nodiscard]] std::size_t number_of(const InterfaceSpec& spec) const;
    void plan_rename(Present& present, const InterfaceSpec& spec);
    std::size_t choose_thread(Present& present, const OpenDevice& given) const;
    void plan_addition(Present& present, const ExportSpec& spec, OpenDevice given);
    [[nodiscard]] Step removal(Step::Phase phase, const ExportSpec& spec,
                               std::shared_ptr<Closing> closing) const;
    void plan_removal(Present& present, const ExportSpec& spec);
    static void plan_closing(Present& present);
    void plan_move(Present& present, const ExportSpec& from, const ExportSpec& to);
    /// `what` tells which options differ.
    void plan_swap(Transition& transition, const ExportSpec& spec, OpenDevice given, const std::string& what);
    static std::vector<Change> changes_without_failures(const Present& present,
                                                        const Transition::Result& result);
    [[nodiscard]] std::string forbid(Present& present, const std::string& part,
                                     const Transition::Result& result) const;
    void finish(const Transition::Result& result);
    /// Throws Failure if there is no such export.
    [[nodiscard]] std::size_t thread_serving(const aoetarget::Address& address) const;

    TargetThreads& targets_;
    Leave leave_;
    Configuration configuration_;
    ThreadOf thread_of_;
    std::shared_ptr<Present> present_; ///< Null while nothing changes.
};

} // namespace cli
