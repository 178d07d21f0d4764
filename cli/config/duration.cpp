// Units of times, and what is no time.
#include "config/duration.hpp"

#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace cli {

std::chrono::seconds parse_duration(std::string_view text) {
    constexpr std::chrono::seconds longest = std::chrono::hours(24);
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    std::int64_t factor = 0;
    if (unit == "s")
        factor = 1;
    else if (unit == "m")
        factor = 60;
    else if (unit == "h")
        factor = 3600;
    if (error == std::errc::invalid_argument || factor == 0)
        throw UsageError(fmt::format(
            "'{}' is not a time; write a whole number with s, m or h, for example 60s", printable(text)));
    const std::chrono::seconds time(number * factor);
    if (error != std::errc{} || number == 0 || time > longest)
        throw UsageError(fmt::format("'{}' is out of range; write 1s to 24h", printable(text)));
    return time;
}

std::string duration_text(std::chrono::milliseconds time) {
    return fmt::format("{}s", std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

} // namespace cli
