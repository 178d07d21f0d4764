// Translates the configurations of other targets. Each result has comments about what has no counterpart
// here.
#pragma once

#include "config/configuration.hpp"
#include "verbs/verbs.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

class Imported {
  public:
    Configuration configuration;

    /// Adds a comment about a part of the original.
    void remark(std::string_view part, std::string_view text);
    /// Keeps an export as a comment, because it would do something else than the original did.
    void leave_out(std::string_view part, std::string_view reason, const ExportSpec& spec);

    /// Returns a configuration file with `title` as its first comment. Remarks on what nobody can serve.
    std::string text(std::string_view title);

  private:
    std::string remarks_;
    std::string left_out_;
};

/// Reads what the program vblade-persist keeps, a folder with a folder for each export, or what Debian's
/// package of vblade does, files NAME.conf. Throws std::runtime_error if there is no such folder.
std::string import_vblade_persist(const std::filesystem::path& folder);

/// `text` is that of ggaoed.conf, and `name` the name of the file. Throws UsageError with the line that is
/// not in the form of such a file.
std::string import_ggaoed(std::string_view name, const std::string& text);

} // namespace cli
