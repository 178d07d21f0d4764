// The options and operands of a verb. Only arguments.cpp includes CLI11, because that takes several times as
// long to compile as all the rest of a verb.
#pragma once

#include "verbs/verbs.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace cli {

class ArgumentParser {
  public:
    explicit ArgumentParser(const std::string& verb);
    ~ArgumentParser();
    ArgumentParser(const ArgumentParser&) = delete;
    ArgumentParser& operator=(const ArgumentParser&) = delete;

    // Each binds an option, whose names are like "-i,--interface", to a variable. That keeps its value if the
    // option is not given.
    void add_option(const std::string& names, std::string& value);
    void add_option(const std::string& names, std::optional<std::string>& value);
    void add_option(const std::string& names, double& value);
    void add_option(const std::string& names, std::uint64_t& value);
    void add_option(const std::string& names, std::vector<std::string>& values); ///< May be repeated.
    void add_flag(const std::string& names, bool& value);
    void add_operand(const std::string& name, std::string& value); ///< Has to be given.
    void add_optional_operand(const std::string& name, std::optional<std::string>& value);

    /// Fills the variables. Returns false if the arguments ask for help. Throws UsageError.
    bool parse(const Arguments& arguments);
    [[nodiscard]] bool has(const std::string& option) const; ///< It was given.

  private:
    std::unique_ptr<CLI::App> app_;
};

} // namespace cli
