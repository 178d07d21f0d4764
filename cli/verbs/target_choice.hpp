// Which target on this machine a command is about.
#pragma once

#include "verbs/arguments.hpp"

#include <string>

namespace cli {

class TargetChoice {
  public:
    /// Adds --name and --control.
    void add_to(ArgumentParser& parser);
    /// Returns the path of the control socket. Throws UsageError.
    [[nodiscard]] std::string path() const;
    [[nodiscard]] const std::string& name() const { return name_; }
    /// Whether --control was given.
    [[nodiscard]] bool has_path() const { return !control_.empty(); }

  private:
    std::string name_ = "default";
    std::string control_;
};

} // namespace cli
