// Translates the configurations of other targets. Each result has comments about what has no counterpart
// here.
#pragma once

#include "config/configuration.hpp"
#include "verbs/verbs.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

/// A configuration file, and how many exports of the original it has.
struct Translation {
    std::string text;
    std::size_t imported = 0;
    std::size_t left_out = 0; ///< Comments tell why.
};

class Imported {
  public:
    Configuration configuration;

    /// Adds a comment about a part of the original.
    void remark(std::string_view part, std::string_view text);
    /// Leaves out an export that cannot be understood.
    void leave_out(std::string_view part, std::string_view reason);
    /// Keeps an export as a comment, because it would do something else than the original did.
    void leave_out(std::string_view part, std::string_view reason, const ExportSpec& spec);

    /// Returns a configuration file with `title` as its first comment. Remarks on what nobody can serve.
    Translation result(std::string_view title);

  private:
    std::string remarks_;
    std::string commented_exports_;
    std::size_t left_out_ = 0;
};

/// Reads what the program vblade-persist keeps, a folder with a folder for each export, or what Debian's
/// package of vblade does, files NAME.conf. Throws std::runtime_error if there is no such folder.
Translation import_vblade_persist(const std::filesystem::path& folder);

/// `text` is that of ggaoed.conf, and `name` the name of the file. Throws UsageError with the line that is
/// not in the form of such a file.
Translation import_ggaoed(std::string_view name, const std::string& text);

} // namespace cli
