// The argument of -e: SHELF.SLOT=PATH[,OPTION[=VALUE]]...
#pragma once

#include <aoetarget/target.hpp>

#include <string>
#include <string_view>

namespace cli {

/// One export as the command line asks for it.
struct ExportSpec {
    std::string path;
    aoetarget::ExportOptions options;
    aoetarget::FileOptions file;
};

/// Throws UsageError (scanner.hpp).
ExportSpec parse_export_spec(std::string_view text);

} // namespace cli
