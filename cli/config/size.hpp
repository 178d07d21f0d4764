// Sizes as users write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cli {

/// Returns the bytes of a number alone or with k, M, G, T (powers of 1024) or s (sectors), in either case.
/// The result is always whole sectors. Throws UsageError.
std::uint64_t parse_size(std::string_view text);

/// Returns the shortest of these forms without a fraction, for whole sectors: "8G", "3s".
std::string short_size(std::uint64_t bytes);

} // namespace cli
