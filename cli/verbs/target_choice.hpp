// Which target on this machine a command is about.
#pragma once

#include "verbs/arguments.hpp"

#include <string>

namespace cli {

class TargetChoice {
  public:
    /// Adds --name and --control.
    void add_to(ArgumentParser& parser);
    /// Whether the target shall have no control socket, as only serve can ask for.
    [[nodiscard]] bool is_none() const { return control_ == "none"; }
    /// Returns the path of the control socket. Throws UsageError, also if there is none.
    [[nodiscard]] std::string path() const;
    [[nodiscard]] const std::string& name() const { return name_; }
    /// Whether --control was given.
    [[nodiscard]] bool has_path() const { return !control_.empty(); }

  private:
    std::string name_ = "default";
    std::string control_;
};

} // namespace cli
