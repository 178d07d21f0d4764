// Numbers in five characters or fewer, for tables that have many.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace cli {

/// Returns "0", "7.5", "123", "1.2k", "45M": powers of 1000.
std::string short_count(double count);

/// Returns the same in powers of 1024: "512", "1.5K", "20G".
std::string short_bytes(double bytes);

/// Returns the time in one unit: "200us", "5ms", "1.2s", "90s", and from two of them on minutes, hours and
/// days.
std::string short_time(std::chrono::nanoseconds time);

/// Returns a bound of Percentiles (rates.hpp), "-" if there is none.
std::string short_bound(const std::optional<std::chrono::nanoseconds>& bound);

} // namespace cli
