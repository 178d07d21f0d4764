// Looks for removed entries whose interface has the name of an added one.
#include "config/renamed_interfaces.hpp"

#include <set>
#include <variant>

namespace cli {

std::map<std::string, std::string> renamed_interfaces(const std::vector<Change>& changes,
                                                      const std::function<PresentNames()>& present) {
    std::set<std::string> added, removed;
    for (const Change& change : changes) {
        const auto* spec = std::get_if<InterfaceSpec>(&change.entry);
        if (spec != nullptr && change.kind == Change::Kind::added)
            added.insert(spec->name);
        else if (spec != nullptr && change.kind == Change::Kind::removed && !spec->is_pattern())
            removed.insert(spec->name);
    }
    std::map<std::string, std::string> renamed;
    if (added.empty() || removed.empty())
        return renamed;
    for (const auto& [entry, name] : present()) {
        if (removed.contains(entry) && added.contains(name))
            renamed.emplace(name, entry);
    }
    return renamed;
}

} // namespace cli
