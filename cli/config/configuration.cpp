// Checks a configuration as a whole: nothing may be missing or given twice.
#include "config/configuration.hpp"

#include "config/known_interfaces.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace cli {

void sort_entries(Configuration& configuration) {
    std::ranges::sort(configuration.interfaces, [](const InterfaceSpec& one, const InterfaceSpec& other) {
        if (one.is_pattern() != other.is_pattern())
            return other.is_pattern();
        if (one.is_pattern() && one.name.size() != other.name.size())
            return one.name.size() > other.name.size();
        return one.name < other.name;
    });
    std::ranges::sort(configuration.exports, {}, [](const ExportSpec& spec) { return spec.options.address; });
}

void complete_paths(Configuration& configuration, const std::filesystem::path& folder) {
    const auto complete = [&](std::string& path) {
        if (!path.empty())
            path = folder / path;
    };
    complete(configuration.target.state_directory);
    for (ExportSpec& spec : configuration.exports)
        complete(spec.path);
}

void keep_lists(Configuration& configuration) {
    const Hosts hosts(configuration.hosts);
    const auto stands = [&](const ExportSpec& spec) {
        try {
            return hosts.resolve("allow", spec.allow) == spec.options.allow;
        } catch (const UsageError&) { // it has a name that is gone
            return false;
        }
    };
    for (ExportSpec& spec : configuration.exports) {
        if (stands(spec))
            continue;
        spec.allow.clear();
        for (const aoetarget::MacPattern& pattern : spec.options.allow)
            spec.allow.push_back(to_string(pattern));
    }
}

std::string missing_interface(const ExportSpec& spec, const std::string& wanted) {
    return fmt::format(
        "export {0}: interfaces has '{1}', but the target does not serve on it; add -i {1} (in "
        "a file [[interface]]), or take it out of interfaces",
        to_string(spec.options.address), printable(wanted));
}

std::vector<Fault> find_faults(const Configuration& configuration) {
    using Part = Fault::Part;
    std::vector<Fault> faults;
    const std::vector<InterfaceSpec>& interfaces = configuration.interfaces;
    const std::vector<ExportSpec>& exports = configuration.exports;
    if (interfaces.empty())
        faults.push_back(
            {Part::whole, 0,
             "there is no network interface to serve on; add -i IF, or [[interface]] to a file ('ip "
             "-br link' lists the interfaces of this machine)"});
    if (exports.empty())
        faults.push_back({Part::whole, 0,
                          "there is no export to serve; add -e SHELF.SLOT=PATH, for example -e "
                          "1.1=/srv/disk.img, or [[export]] to a file"});

    std::set<std::string_view> names;
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
        if (!names.insert(interfaces[i].name).second)
            faults.push_back({Part::interface, i,
                              fmt::format("interface '{}' is given twice; keep one of them",
                                          printable(interfaces[i].name))});
    }
    std::set<aoetarget::Address> addresses;
    const KnownInterfaces known(interfaces);
    for (std::size_t i = 0; i < exports.size(); ++i) {
        const aoetarget::Address& address = exports[i].options.address;
        if (!addresses.insert(address).second)
            faults.push_back({Part::exported, i,
                              fmt::format("export {}: two exports have this address; give '{}' another one",
                                          to_string(address), printable(exports[i].path))});
        for (const std::string& wanted : exports[i].options.interfaces) {
            if (known.names_for(wanted).empty())
                faults.push_back({Part::exported, i, missing_interface(exports[i], wanted)});
        }
    }
    return faults;
}

void check_configuration(const Configuration& configuration) {
    const std::vector<Fault> faults = find_faults(configuration);
    if (!faults.empty())
        throw UsageError(faults.front().text);
}

} // namespace cli
