// Looks for removed entries whose interface has the name of an added one.
#include "config/renamed_interfaces.hpp"

#include <set>
#include <variant>

namespace cli {

std::map<std::string, std::string> renamed_interfaces(const std::vector<Change>& changes,
                                                      const PresentNames& present) {
    std::set<std::string> added;
    for (const Change& change : changes) {
        const auto* spec = std::get_if<InterfaceSpec>(&change.entry);
        if (spec != nullptr && change.kind == Change::Kind::added)
            added.insert(spec->name);
    }
    std::map<std::string, std::string> renamed;
    for (const Change& change : changes) {
        const auto* spec = std::get_if<InterfaceSpec>(&change.entry);
        if (spec == nullptr || change.kind != Change::Kind::removed || spec->is_pattern())
            continue;
        const auto name = present.find(spec->name);
        if (name != present.end() && added.contains(name->second))
            renamed.emplace(name->second, spec->name);
    }
    return renamed;
}

} // namespace cli
