// What `check` says of an export.
#pragma once

#include "check/finding.hpp"
#include "config/export_spec.hpp"

#include <aoetarget/inspect.hpp>

#include <optional>

namespace cli {

std::string subject_of(const ExportSpec& spec);

/// What is known of the path beside the file itself.
struct PathFacts {
    /// A name of the same disk that stays with it, if the path is one that the kernel gave.
    std::string lasting_name = {};
};
PathFacts look_at_path(const std::string& path);

/// Judges a file or disk that could be looked at. `running_process` is that of the target with this name that
/// runs, or 0.
Findings judge_export(const ExportSpec& spec, const aoetarget::FileInspection& found, const PathFacts& path,
                      long running_process);

/// An export, and what was found if it could be looked at.
struct InspectedExport {
    const ExportSpec* spec;
    std::optional<aoetarget::FileInspection> found;
};

/// Judges whether file systems have space for all that their files may still take.
Findings judge_space(const std::vector<InspectedExport>& exports);

} // namespace cli
