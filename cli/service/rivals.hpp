// Exports that would destroy each other's data.
#pragma once

#include "config/export_spec.hpp"

#include <vector>

namespace cli {

/// Throws Failure (exit_configuration) if two exports take a common part of one file or disk, and one of them
/// writes. Files that cannot be looked at are left to the one who opens them.
void refuse_rivals(const std::vector<ExportSpec>& specs);

} // namespace cli
