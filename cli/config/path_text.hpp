// Paths as texts of a configuration. A path may have any bytes, and TOML and JSON only have UTF-8, so a path
// that is none is written as "file:" with percent signs, as in a URI: "file:/srv/%E9.img".
#pragma once

#include <string>
#include <string_view>

namespace cli {

/// Returns a text that is UTF-8 and from which parse_path() reads the path: the path itself if that is one.
std::string path_text(const std::string& path);

/// Throws UsageError, which begins with `name`, if a percent sign after "file:" is not followed by two
/// hexadecimal digits. The path may be empty or have zeros.
std::string parse_path(std::string_view name, std::string_view text);

} // namespace cli
