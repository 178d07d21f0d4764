// A change of what runs as a sequence of steps, each on the thread whose target it concerns.
#pragma once

#include "failure.hpp"
#include "service/target_threads.hpp"

#include <aoetarget/address.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cli {

struct Step {
    /// What can fail comes first, and what cannot be undone last. An export moves to another address with its
    /// disk: a new one is added that nobody sees, the old one is removed, and the new one is shown. What was
    /// removed is closed at the end.
    enum class Phase { addition, change, move, swap, removal, closing };
    /// The step has been made when all copies of it are gone.
    using Hold = std::shared_ptr<void>;
    using Notes = std::vector<std::string>;

    Phase phase;
    std::string part; ///< The entry of the configuration that it belongs to, as people call it.
    std::size_t thread;
    /// Returns what a user should know. Throws std::exception with cause and cure. ENODEV is taken as an
    /// interface that does not exist.
    std::function<Notes(aoetarget::Target& target, const Hold& hold)> make;
    std::function<void(aoetarget::Target& target)> undo = {}; ///< Empty if it cannot be undone.
    std::function<std::string()> late = {}; ///< What is told if it has not been made after so long:
    std::chrono::milliseconds patience{10'000};
    bool may_be_late = false; ///< It is a note then, and not an error.
};

class Transition {
  public:
    enum class Extent {
        all_or_nothing, ///< If a part fails while all can be undone, all is undone.
        possible,       ///< A part that fails is undone, and the others are made.
    };
    struct Result {
        std::map<std::string, Failure> failures; ///< Of each part that failed.
        std::vector<std::string> notes;
        bool is_undone = false; ///< All parts were undone because one failed.

        /// Returns 0 without failures, the exit code in which all of them agree, or else exit_failed.
        [[nodiscard]] int exit_code() const;
    };
    using Done = std::function<void(const Result& result)>;
    /// Returns why a part has become impossible since others failed, or nothing.
    using Forbid = std::function<std::string(const std::string& part, const Result& result)>;

    /// It belongs to the first target's thread.
    Transition(TargetThreads& targets, Extent extent) : targets_(targets), extent_(extent) {}

    void add(Step step) { steps_.push_back(std::move(step)); }
    /// Adds what a user should know, whatever becomes of the steps.
    void note(const std::vector<std::string>& notes) {
        result_.notes.insert(result_.notes.end(), notes.begin(), notes.end());
    }
    /// Notes that a part cannot be done. Its steps are not made.
    void fail(const std::string& part, const Failure& failure) { result_.failures.emplace(part, failure); }
    /// Begins to make the steps. Calls `done` on the first target's thread, now or later, once, unless this
    /// object is destroyed before.
    void start(Forbid forbid, Done done);

  private:
    struct Attempt {
        std::optional<Failure> failure = {};
        Step::Notes notes = {};
    };
    using Call = std::function<Step::Notes(aoetarget::Target& target, const Step::Hold& hold)>;

    void make_next();
    void made(const Attempt& attempt);
    void note_failure(const Failure& failure);
    void undo_next();
    void finish();
    void carry_out(std::size_t thread, Call call, std::function<void(const Attempt&)> then,
                   const Step* timed = nullptr);

    TargetThreads& targets_;
    Extent extent_;
    std::vector<Step> steps_;
    std::size_t next_ = 0;
    std::map<std::string, std::vector<std::size_t>> made_; ///< The steps of each part that can be undone.
    std::vector<std::size_t> to_undo_;
    std::string failed_part_;
    Result result_;
    Forbid forbid_;
    Done done_;
    std::shared_ptr<bool> lives_ = std::make_shared<bool>(true);
};

} // namespace cli
