// What is wrong with a command line or a configuration. A message is one line: cause and cure, with a
// semicolon between them.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cli {

/// A bad command line, or a bad part of it.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A bad configuration. All that is wrong with it is told at once; there is something.
class ConfigurationError : public std::runtime_error {
  public:
    explicit ConfigurationError(std::vector<std::string> messages)
        : std::runtime_error(messages.front()), messages_(std::move(messages)) {}
    [[nodiscard]] const std::vector<std::string>& messages() const { return messages_; }

  private:
    std::vector<std::string> messages_;
};

} // namespace cli
