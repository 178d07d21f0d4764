// Parses sizes, and refuses other texts.
#include "config/size.hpp"

#include "text.hpp"
#include "usage_error.hpp"

#include <aoetarget/address.hpp>

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace cli {

std::uint64_t parse_size(std::string_view text) {
    constexpr std::uint64_t max_size = std::numeric_limits<std::int64_t>::max(); // off_t, where files end
    constexpr std::string_view cure =
        "write bytes, or a number with k, M, G, T (powers of 1024) or s (sectors of 512 bytes)";
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    const bool too_large = error == std::errc::result_out_of_range;
    if ((error != std::errc{} && !too_large) || unit.size() > 1)
        throw UsageError(fmt::format("'{}' is not a size; {}", printable(text), cure));

    std::uint64_t factor = 1;
    switch (unit.empty() ? '\0' : unit.front()) {
    case '\0':
        break;
    case 's':
    case 'S':
        factor = aoetarget::sector_bytes;
        break;
    case 'k':
    case 'K':
        factor = 1ULL << 10;
        break;
    case 'm':
    case 'M':
        factor = 1ULL << 20;
        break;
    case 'g':
    case 'G':
        factor = 1ULL << 30;
        break;
    case 't':
    case 'T':
        factor = 1ULL << 40;
        break;
    default:
        throw UsageError(fmt::format("'{}' ends in an unknown unit; {}", printable(text), cure));
    }
    if (too_large || number > max_size / factor)
        throw UsageError(fmt::format("'{}' is more than a file can hold; {}", printable(text), cure));
    if (number * factor % aoetarget::sector_bytes != 0)
        throw UsageError(fmt::format("'{}' is not a whole number of sectors; write a multiple of {} bytes",
                                     printable(text), aoetarget::sector_bytes));
    return number * factor;
}

std::string short_size(std::uint64_t bytes) {
    constexpr std::string_view units = "kMGT";
    for (std::size_t i = units.size(); i > 0; --i) {
        if (const std::uint64_t unit = 1ULL << 10 * i; bytes % unit == 0)
            return fmt::format("{}{}", bytes / unit, units[i - 1]);
    }
    return fmt::format("{}s", bytes / aoetarget::sector_bytes);
}

} // namespace cli
