// The exports and interfaces that cannot be opened: all of them are told at once.
#pragma once

#include "failure.hpp"

#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace cli {

/// A start that is refused. There is one message at least.
class StartError : public Failure {
  public:
    StartError(int exit_code, std::vector<std::string> messages, bool is_busy)
        : Failure(exit_code, messages.front()), messages_(std::move(messages)), is_busy_(is_busy) {}

    /// Each begins with the export or the interface that it is about, and has the cause and the cure.
    [[nodiscard]] const std::vector<std::string>& messages() const { return messages_; }
    /// Whether another process has a file or a disk.
    [[nodiscard]] bool is_busy() const { return is_busy_; }

  private:
    std::vector<std::string> messages_;
    bool is_busy_;
};

class Refusals {
  public:
    /// Opens an export or an interface, whose name is `entry`, and remembers why that fails.
    template <typename Open>
    void attempt(const std::string& entry, Open open) {
        try {
            open();
        } catch (const Failure& failure) {
            add(entry, failure.what(), failure.exit_code());
        } catch (const std::system_error& error) {
            is_busy_ |= error.code() == std::errc::device_or_resource_busy;
            add(entry, message_of(error), exit_code_of(error));
        }
    }

    /// Throws StartError if anything has failed, with the exit code that all failures have, or exit_failed.
    void throw_if_any() const;

  private:
    void add(const std::string& entry, const std::string& text, int exit_code);

    std::vector<std::string> messages_;
    int exit_code_ = 0;
    bool is_busy_ = false;
};

} // namespace cli
