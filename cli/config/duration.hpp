// Times as people write them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace cli {

/// From a whole number with s, m or h. Throws UsageError.
std::chrono::seconds parse_duration(std::string_view text);
/// Returns a text that parse_duration() reads as this time, which is whole seconds.
std::string duration_text(std::chrono::milliseconds time);

} // namespace cli
