// The configuration of a target as a value: readers make it from arguments, files or JSON, writers print it,
// and service/ runs it.
#pragma once

#include "config/export_spec.hpp"
#include "config/hosts.hpp"
#include "config/interface_spec.hpp"
#include "config/target_spec.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace cli {

struct Configuration {
    TargetSpec target = {};
    HostNames hosts = {};
    /// The order of interfaces and exports has no meaning: sort_entries() makes equal configurations of those
    /// that mean the same.
    std::vector<InterfaceSpec> interfaces = {};
    std::vector<ExportSpec> exports = {};

    bool operator==(const Configuration&) const = default;
};

/// Puts exports into the order of their addresses. Interfaces with a name of their own come before patterns,
/// and longer patterns before shorter ones, because the first that matches an interface takes it.
void sort_entries(Configuration& configuration);

/// Returns what tells an entry from others of its kind.
inline const std::string& key_of(const InterfaceSpec& spec) {
    return spec.name;
}
inline const aoetarget::Address& key_of(const ExportSpec& spec) {
    return spec.options.address;
}

/// Makes the paths absolute, so that other processes understand them, too. Relative ones begin at `folder`.
void complete_paths(Configuration& configuration,
                    const std::filesystem::path& folder = std::filesystem::current_path());

/// Writes the initiators out in each list that the names of hosts do not stand for any more.
void keep_lists(Configuration& configuration);

/// Something that nobody can serve.
struct Fault {
    enum class Part { whole, interface, exported } part;
    std::size_t index; ///< of the interface or the export
    std::string text;
};

/// Returns the text of the fault that an export names an interface which the target does not serve.
std::string missing_interface(const ExportSpec& spec, const std::string& wanted);

/// Returns what is missing, given twice, or does not fit together.
std::vector<Fault> find_faults(const Configuration& configuration);

/// Throws UsageError with the first fault, if there is one.
void check_configuration(const Configuration& configuration);

} // namespace cli
