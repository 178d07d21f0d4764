// Sizes as people write them.
#pragma once

#include <cstdint>
#include <string_view>

namespace cli {

/// Bytes, from a number alone or with k, M, G, T (powers of 1024) or s (sectors), in either case. The result
/// is always whole sectors. Throws UsageError.
std::uint64_t parse_size(std::string_view text);

} // namespace cli
