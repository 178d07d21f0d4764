// The argument of -e: SHELF.SLOT=PATH[,OPTION[=VALUE]]...
#pragma once

#include <aoetarget/target.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace cli {

/// One export as the command line asks for it.
struct ExportSpec {
    std::string path;
    aoetarget::ExportOptions options;
    aoetarget::FileOptions file;
};

/// A comma, an equals sign or a backslash in PATH or VALUE is written with a backslash before it.
/// Throws UsageError that quotes the bad part and says what is allowed.
ExportSpec parse_export_spec(std::string_view text);

/// Bytes, from a number alone or with k, M, G, T (powers of 1024) or s (sectors), in either case. Always
/// whole sectors. Throws UsageError.
std::uint64_t parse_size(std::string_view text);

} // namespace cli
