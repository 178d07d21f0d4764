// `aoetarget check` as a command, and its findings.
#pragma once

#include "target_process.hpp"

#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace aoetest {

// Long enough for a sanitizer build on a busy machine.
inline constexpr Milliseconds patience{60000};

inline ToolResult check(std::vector<std::string> words, const std::vector<std::string>& before = {}) {
    std::vector<std::string> command = before;
    command.insert(command.end(), {target_program(), "check"});
    command.insert(command.end(), words.begin(), words.end());
    return run_tool(command, patience);
}

// Without a control socket and without a question to the network, so that a finding is about what is asked.
inline ToolResult check_offline(std::vector<std::string> words, const std::vector<std::string>& before = {}) {
    words.insert(words.end(), {"--control", "none", "--offline"});
    return check(std::move(words), before);
}

// Whether a line has both parts, or the line after it the second ("cure: ...").
inline bool says(const ToolResult& result, const std::string& weight, const std::string& part) {
    std::istringstream lines(result.output);
    bool is_meant = false;
    for (std::string line; std::getline(lines, line);) {
        is_meant = line.starts_with("  " + weight) || (is_meant && line.starts_with("           cure:"));
        if (is_meant && contains(line, part))
            return true;
    }
    return false;
}

} // namespace aoetest
