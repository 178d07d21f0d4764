// --interval: how often a command looks.
#pragma once

#include <chrono>

namespace cli {

/// Returns the seconds that were given, as a duration. Throws UsageError if they are not between a tenth of a
/// second and a day.
std::chrono::nanoseconds parse_interval(double seconds);

} // namespace cli
