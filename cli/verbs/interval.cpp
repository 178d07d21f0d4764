// Checks the bounds of an interval.
#include "verbs/interval.hpp"

#include "usage_error.hpp"

#include <fmt/format.h>

namespace cli {

std::chrono::nanoseconds parse_interval(double seconds) {
    constexpr double shortest = 0.1, longest = 86400;
    if (!(seconds >= shortest && seconds <= longest)) // also what is no number
        throw UsageError(
            fmt::format("--interval cannot be {}; write seconds, {} to {}", seconds, shortest, longest));
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
}

} // namespace cli
