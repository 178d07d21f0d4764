// Replacing a file, so that nobody ever reads a part of the new one.
#pragma once

#include <string>
#include <string_view>

namespace cli {

/// Writes a file beside `path`, which everybody may read, and gives it that name when it is on stable
/// storage. Throws Failure if that is not possible, or if there is something at `path` that is no regular
/// file; then all stays as it is.
void replace_file(const std::string& path, std::string_view content);

} // namespace cli
