// Failures: one with an exit code of its own, and the text of those of the system.
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>

namespace cli {

class Failure : public std::runtime_error {
  public:
    /// `text` has the cause and the cure.
    Failure(int exit_code, const std::string& text) : std::runtime_error(text), exit_code_(exit_code) {}

    [[nodiscard]] int exit_code() const { return exit_code_; }

  private:
    int exit_code_;
};

/// Returns with what a command ends that has this error.
int exit_code_of(const std::system_error& error);

/// Leaves out the kernel's text for an error number if our own text says it all, and adds the cure for one
/// that any call may have.
std::string message_of(const std::system_error& error);

} // namespace cli
