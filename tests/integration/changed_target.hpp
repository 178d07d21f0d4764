// A target with a configuration file and a control socket, which is changed while it serves.
#pragma once

#include "controlled_target.hpp"

#include <regex>
#include <string>
#include <vector>

namespace aoetest {

inline std::string entry_text(const VethPair& wire) {
    return "[[interface]]\nname = \"" + wire.target_end() + "\"\nlink = \"packet\"\n";
}

inline std::string export_text(const std::string& address, const ImageFile& image,
                               const std::string& options = {}) {
    return "[[export]]\naddress = \"" + address + "\"\npath = \"" + image.path() + "\"\n" + options;
}

class Changed {
  public:
    explicit Changed(const std::string& text, std::vector<std::string> options = {})
        : file_(folder_.write("target.toml", text)), target_({}, {}, with_file(std::move(options))) {}

    void write(const std::string& text) const { folder_.write("target.toml", text); }
    [[nodiscard]] ToolResult run(std::vector<std::string> words) const {
        return target_.run(std::move(words));
    }
    /// Without the serial numbers that the target has made.
    [[nodiscard]] std::string config() const {
        return std::regex_replace(run({"config"}).output, std::regex("serial = \"[0-9A-F]{16}\"\n"), "");
    }
    [[nodiscard]] const std::string& file() const { return file_; }
    TargetProcess& target() { return target_.process(); }

  private:
    [[nodiscard]] std::vector<std::string> with_file(std::vector<std::string> options) const {
        options.insert(options.end(), {"-c", file_});
        return options;
    }

    ScratchFolder folder_;
    std::string file_;
    ControlledTarget target_;
};

} // namespace aoetest
