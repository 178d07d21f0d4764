// Makes the steps one after the other, and undoes those of what has failed.
#include "service/transition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

namespace cli {

using aoetarget::Target;

int Transition::Result::exit_code() const {
    if (failures.empty())
        return 0;
    const int first = failures.begin()->second.exit_code();
    const auto agrees = [first](const auto& failed) { return failed.second.exit_code() == first; };
    return std::ranges::all_of(failures, agrees) ? first : exit_failed;
}

void Transition::start(Forbid forbid, Done done) {
    forbid_ = std::move(forbid);
    done_ = std::move(done);
    std::ranges::stable_sort(steps_, {}, &Step::phase);
    make_next();
}

void Transition::make_next() {
    for (; next_ < steps_.size(); ++next_) {
        const Step& step = steps_[next_];
        if (result_.failures.contains(step.part))
            continue;
        const std::string obstacle = forbid_(step.part, result_);
        if (obstacle.empty())
            return carry_out(
                step.thread, step.make, [this](const Attempt& attempt) { made(attempt); }, &step);
        note_failure(Failure(exit_failed, obstacle));
        if (result_.is_undone || !to_undo_.empty())
            return undo_next();
    }
    finish();
}

/// This object may end with that.
void Transition::finish() {
    const Done done = std::move(done_);
    const Result result = std::move(result_);
    done(result);
}

void Transition::made(const Attempt& attempt) {
    result_.notes.insert(result_.notes.end(), attempt.notes.begin(), attempt.notes.end());
    if (attempt.failure) {
        note_failure(*attempt.failure);
        return undo_next();
    }
    if (steps_[next_].undo)
        made_[steps_[next_].part].push_back(next_);
    ++next_;
    make_next();
}

void Transition::note_failure(const Failure& failure) {
    failed_part_ = steps_[next_].part;
    fail(failed_part_, failure);
    result_.is_undone = extent_ == Extent::all_or_nothing && steps_[next_].phase < Step::Phase::move;
    if (!result_.is_undone) {
        to_undo_ = made_[failed_part_];
        return;
    }
    for (const auto& [part, steps] : made_)
        to_undo_.insert(to_undo_.end(), steps.begin(), steps.end());
    std::ranges::sort(to_undo_);
}

/// A step is called from the loop of a target, so these calls do not pile up.
void Transition::undo_next() {
    if (to_undo_.empty())
        return result_.is_undone ? finish() : make_next();
    const Step& step = steps_[to_undo_.back()];
    to_undo_.pop_back();
    const Call call = [&step](Target& target, const Step::Hold&) {
        step.undo(target);
        return Step::Notes();
    };
    carry_out(step.thread, call, [this](const Attempt& attempt) {
        if (attempt.failure) {
            Failure& failure = result_.failures.at(failed_part_);
            failure = Failure(failure.exit_code(),
                              fmt::format("{}; and what was changed before could not be changed back: {}",
                                          failure.what(), attempt.failure->what()));
        }
        undo_next();
    });
}

/// Calls `call` on that thread, and `then` on the first one when the hold is gone, or when that takes longer
/// than the step `timed` may.
void Transition::carry_out(std::size_t thread, Call call, std::function<void(const Attempt&)> then,
                           const Step* timed) {
    const auto attempt = std::make_shared<Attempt>();
    const auto end = [then = std::move(then), is_over = std::make_shared<bool>(false),
                      lives = std::weak_ptr(lives_)](const Attempt& with) {
        if (!lives.expired() && !std::exchange(*is_over, true))
            then(with);
    };
    if (timed != nullptr && timed->late)
        targets_[0].call_after(timed->patience, [late = timed->late, is_note = timed->may_be_late, end] {
            end(is_note ? Attempt{.notes = {late()}} : Attempt{.failure = Failure(exit_failed, late())});
        });
    // The last copy may go on any thread; when this object has ended, the targets may have, too.
    const Step::Hold hold(nullptr, [&targets = targets_, attempt, end, lives = std::weak_ptr(lives_)](void*) {
        if (!lives.expired())
            targets[0].post([attempt, end] { end(*attempt); });
    });
    targets_[thread].post([&target = targets_[thread], call = std::move(call), attempt, hold] {
        try {
            attempt->notes = with_interface([&] { return call(target, hold); }); // no step opens a disk
        } catch (const Failure& failure) {
            attempt->failure = failure;
        } catch (const std::system_error& error) {
            attempt->failure.emplace(exit_code_of(error), message_of(error));
        } catch (const std::exception& error) {
            attempt->failure.emplace(exit_failed, error.what());
        }
    });
}

} // namespace cli
