// The steps of a change: their order, and what is undone if one fails.
#include "support/catch.hpp"

#include "exit_code.hpp"
#include "service/transition.hpp"

#include <chrono>
#include <initializer_list>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using aoetarget::Target;
using cli::exit_failed, cli::exit_no_permission, cli::exit_not_found;
using cli::Step;
using cli::Transition;
using Phase = Step::Phase;
using Extent = Transition::Extent;

namespace {

/// A transition whose steps write down that they were made or undone.
class Attempt {
  public:
    explicit Attempt(Extent extent) : transition_(targets_, extent) {}

    void add(Phase phase, const std::string& part, const std::string& name, const std::string& error = {}) {
        Step step{phase, part, 0, [this, name, error](Target&, const Step::Hold&) {
                      if (!error.empty())
                          throw std::runtime_error(error);
                      log += name + " ";
                      return Step::Notes{"note of " + name};
                  }};
        if (phase < Phase::move)
            step.undo = [this, name](Target&) { log += "un" + name + " "; };
        transition_.add(std::move(step));
    }
    Transition& transition() { return transition_; }

    Transition::Result run(const Transition::Forbid& forbid = [](const auto&, const auto&) { return ""; }) {
        std::optional<Transition::Result> result;
        transition_.start(forbid, [&](const Transition::Result& with) { result = with; });
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!result && std::chrono::steady_clock::now() < end) {
            targets_[0].poll();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return result.value();
    }

    std::string log; ///< In the order in which it happened.

  private:
    cli::TargetThreads targets_{{}, 1};
    Transition transition_;
};

using Errors = std::map<std::string, std::string>;

Errors errors_of(const Transition::Result& result) {
    Errors errors;
    for (const auto& [part, failure] : result.failures)
        errors.emplace(part, failure.what());
    return errors;
}

} // namespace

TEST_CASE("what can fail is made first, and what cannot be undone last", "[cli][transition]") {
    Attempt attempt(Extent::all_or_nothing);
    attempt.add(Phase::removal, "a", "removal");
    attempt.add(Phase::swap, "b", "swap");
    attempt.add(Phase::addition, "c", "first");
    attempt.add(Phase::change, "d", "change");
    attempt.add(Phase::addition, "e", "second");
    attempt.add(Phase::move, "f", "move");
    const Transition::Result result = attempt.run();
    CHECK(attempt.log == "first second change move swap removal ");
    CHECK(result.failures.empty());
    CHECK_FALSE(result.is_undone);
    CHECK(result.notes.size() == 6);
}

TEST_CASE("if a part of all or nothing fails, what was done is undone the other way round",
          "[cli][transition]") {
    Attempt attempt(Extent::all_or_nothing);
    attempt.add(Phase::addition, "a", "one");
    attempt.add(Phase::addition, "b", "two");
    attempt.add(Phase::change, "c", "three", "no room");
    attempt.add(Phase::removal, "d", "four");
    const Transition::Result result = attempt.run();
    CHECK(attempt.log == "one two untwo unone ");
    CHECK(result.is_undone);
    CHECK(errors_of(result) == Errors{{"c", "no room"}});
}

TEST_CASE("of what is possible, only the parts that fail are undone", "[cli][transition]") {
    Attempt attempt(Extent::possible);
    attempt.add(Phase::addition, "a", "one");
    attempt.add(Phase::addition, "b", "two");
    attempt.add(Phase::change, "a", "three", "no room");
    attempt.add(Phase::removal, "a", "four");
    attempt.add(Phase::removal, "b", "five");
    attempt.transition().fail("c", cli::Failure(exit_failed, "impossible"));
    attempt.add(Phase::addition, "c", "six");
    const Transition::Result result = attempt.run();
    CHECK(attempt.log == "one two unone five ");
    CHECK_FALSE(result.is_undone);
    CHECK(errors_of(result) == Errors{{"a", "no room"}, {"c", "impossible"}});
}

TEST_CASE("a failure has the exit code of its cause, and several have the one in which they agree",
          "[cli][transition]") {
    CHECK(Transition::Result().exit_code() == 0);
    const auto code_with = [](std::initializer_list<std::errc> causes) {
        Attempt attempt(Extent::possible);
        for (const std::errc cause : causes)
            attempt.transition().add({Phase::addition, std::to_string(static_cast<int>(cause)), 0,
                                      [cause](Target&, const Step::Hold&) -> Step::Notes {
                                          throw std::system_error(std::make_error_code(cause));
                                      }});
        return attempt.run().exit_code();
    };
    CHECK(code_with({std::errc::no_such_device}) == exit_not_found);
    CHECK(code_with({std::errc::operation_not_permitted}) == exit_no_permission);
    CHECK(code_with({std::errc::operation_not_permitted, std::errc::permission_denied}) ==
          exit_no_permission);
    CHECK(code_with({std::errc::address_in_use}) == exit_failed);
    CHECK(code_with({std::errc::no_such_device, std::errc::permission_denied}) == exit_failed);
}

TEST_CASE("a part that has become impossible is not made", "[cli][transition]") {
    Attempt attempt(Extent::possible);
    attempt.add(Phase::addition, "a", "one", "no room");
    attempt.add(Phase::removal, "b", "two");
    attempt.add(Phase::removal, "c", "three");
    const Transition::Result result = attempt.run([](const std::string& part, const auto& so_far) {
        return part == "b" && so_far.failures.contains("a") ? "it needs a" : "";
    });
    CHECK(attempt.log == "three ");
    CHECK(errors_of(result).at("b") == "it needs a");
}

TEST_CASE("however many parts have become impossible, they take no room on the stack", "[cli][transition]") {
    constexpr std::size_t parts = 100'000;
    Attempt attempt(Extent::possible);
    for (std::size_t i = 0; i < parts; ++i)
        attempt.add(Phase::addition, "part " + std::to_string(i), "it");
    const Transition::Result result = attempt.run([](const auto&, const auto&) { return "it cannot be"; });
    CHECK(attempt.log.empty());
    CHECK(result.failures.size() == parts);
}

TEST_CASE("once something cannot be undone, a failure stops its own part only", "[cli][transition]") {
    Attempt attempt(Extent::all_or_nothing);
    attempt.add(Phase::addition, "a", "one");
    attempt.add(Phase::addition, "b", "two");
    attempt.add(Phase::move, "b", "three", "gone");
    attempt.add(Phase::removal, "c", "four");
    const Transition::Result result = attempt.run();
    CHECK(attempt.log == "one two untwo four ");
    CHECK_FALSE(result.is_undone);
    CHECK(result.failures.size() == 1);
}

TEST_CASE("a step that is held is over when the last hold is gone", "[cli][transition]") {
    Attempt attempt(Extent::all_or_nothing);
    Step::Hold held;
    attempt.transition().add({Phase::move, "a", 0, [&](Target& target, const Step::Hold& hold) {
                                  held = hold;
                                  target.call_after(std::chrono::milliseconds(50), [&] {
                                      attempt.log += "released ";
                                      held.reset();
                                  });
                                  return Step::Notes();
                              }});
    attempt.add(Phase::removal, "b", "two");
    CHECK(attempt.run().failures.empty());
    CHECK(attempt.log == "released two ");
}
