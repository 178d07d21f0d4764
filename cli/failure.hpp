// Failures: one with an exit code of its own, and the text of those of the system.
#pragma once

#include "exit_code.hpp"

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

/// Leaves out the kernel's text for an error number if our own text says it all, else puts it behind the
/// cause and before the cure, which follows a semicolon. Adds the cure for an error that any call may have.
std::string message_of(const std::system_error& error);

/// Makes a call that takes the name of an interface. If there is none of that name, the failure has its own
/// exit code.
template <typename Call>
auto with_interface(Call call) {
    try {
        return call();
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::no_such_device)
            throw Failure(exit_not_found, message_of(error));
        throw;
    }
}

} // namespace cli
