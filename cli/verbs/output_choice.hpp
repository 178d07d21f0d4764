// --output: where a command writes the text that it has made.
#pragma once

#include "verbs/arguments.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace cli {

class OutputChoice {
  public:
    /// Adds --output.
    void add_to(ArgumentParser& parser);
    /// Throws UsageError if no file can have the path.
    void check() const;
    /// Replaces the file with the text, as replace_file() does (replacement.hpp), or prints it if none is
    /// chosen. Throws Failure.
    void write(std::string_view text) const;

  private:
    std::optional<std::string> path_;
};

} // namespace cli
