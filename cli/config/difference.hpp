// A change of what runs is the difference of two configurations.
#pragma once

#include "config/configuration.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cli {

struct Change {
    enum class Kind { removed, changed, added };
    /// What changes: for a removal as it was, otherwise as it shall be. [target] and [hosts] are only
    /// changed.
    using Entry = std::variant<TargetSpec, HostNames, InterfaceSpec, ExportSpec>;

    Kind kind;
    Entry entry;
    /// For a change, what it takes while the target serves: the most that one of `options` takes.
    Effect effect = Effect::in_place;
    /// The names of the options that a change changes. For a change of `allow` the initiators count for which
    /// it stands, too.
    std::vector<std::string_view> options = {};

    bool operator==(const Change&) const = default;
};

/// Returns what makes `to` of `from`, with removals before other changes of the same part, and additions at
/// the end. Neither may have one interface or one address twice.
std::vector<Change> difference(const Configuration& from, const Configuration& to);

/// Returns the options that differ and need this, with their values: "cache: direct -> page, offset: none ->
/// 1M".
std::string describe_difference(const ExportSpec& from, const ExportSpec& to, Effect effect);
std::string describe_difference(const InterfaceSpec& from, const InterfaceSpec& to, Effect effect);

/// Returns what people call an entry: "export e1.1", "interface eth1", "target", "hosts".
std::string entry_name(const ExportSpec& spec);
std::string entry_name(const InterfaceSpec& spec);
std::string entry_name(const Change& change);
/// Returns the options that differ: "cache, allow".
std::string option_names(const Change& change);

/// Returns the export for which somebody has to open a file or disk, or null.
const ExportSpec* export_to_open(const Change& change);

/// Returns the configuration after the changes, sorted. They must be a difference from `configuration`.
Configuration apply(Configuration configuration, const std::vector<Change>& changes);

} // namespace cli
