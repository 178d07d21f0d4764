// A target with a control socket, and the commands that ask it.
#pragma once

#include "scene.hpp"

#include <string>
#include <vector>

namespace aoetest {

class ControlledTarget {
  public:
    // As TargetProcess.
    ControlledTarget(const std::vector<std::string>& interfaces, const std::vector<std::string>& exports,
                     std::vector<std::string> options = {})
        : process_(interfaces, exports, with_socket(std::move(options))) {}

    [[nodiscard]] std::string socket() const { return folder_.path() + "/test.sock"; }
    [[nodiscard]] TargetProcess& process() { return process_; }
    // Runs a command that is to ask this target.
    [[nodiscard]] ToolResult run(std::vector<std::string> words) const {
        return run_target(with_socket(std::move(words)), Milliseconds(60000));
    }

  private:
    [[nodiscard]] std::vector<std::string> with_socket(std::vector<std::string> words) const {
        words.insert(words.end(), {"--control", socket()});
        return words;
    }

    ScratchFolder folder_;
    TargetProcess process_;
};

} // namespace aoetest
