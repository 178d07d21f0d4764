// An export of a configuration, and the argument of -e: SHELF.SLOT=PATH[,OPTION[=VALUE]]...
#pragma once

#include "config/option.hpp"

#include <aoetarget/file_device.hpp>
#include <aoetarget/options.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace cli {

struct ExportSpec {
    std::string path;
    aoetarget::ExportOptions options;
    aoetarget::FileOptions file;
    /// The list `allow` as somebody has written it. `options.allow` has the initiators for which it stands.
    std::vector<std::string> allow = {};

    bool operator==(const ExportSpec&) const = default;
};

const OptionTable<ExportSpec>& export_options();

/// Throws UsageError, as read_spec() does (scanner.hpp). `allow` can name the hosts.
ExportSpec parse_export_spec(std::string_view text, const Hosts& hosts = {});
/// Throws UsageError if the text is not the address of an export.
aoetarget::Address parse_export_address(const std::string& text);
/// Returns the argument of -e from which parse_export_spec() reads this.
std::string to_argument(const ExportSpec& spec);

} // namespace cli
