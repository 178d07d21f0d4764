// Sorts the changes by the names of interfaces, and by the disks that move.
#include "service/dependencies.hpp"

#include "config/known_interfaces.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

namespace cli {
namespace {

std::string part_of(const std::string& interface) {
    return entry_name(Change{Change::Kind::changed, InterfaceSpec{interface, {}}});
}

std::set<std::string> parts_of(const std::vector<std::string>& interfaces) {
    std::set<std::string> parts;
    for (const std::string& interface : interfaces)
        parts.insert(part_of(interface));
    return parts;
}

} // namespace

Dependencies::Dependencies(const Configuration& before, const std::vector<Change>& changes,
                           const Moves& moves) {
    const KnownInterfaces old_interfaces(before.interfaces);
    const KnownInterfaces new_interfaces(apply(before, changes).interfaces);
    const auto note_names = [&](const ExportSpec& spec) {
        for (const std::string& wanted : spec.options.interfaces) {
            if (!candidates_.contains(wanted))
                candidates_.emplace(wanted, Candidates{parts_of(old_interfaces.names_for(wanted)),
                                                       parts_of(new_interfaces.names_for(wanted))});
        }
    };
    for (const auto& [from, to] : moves)
        moves_.emplace(fmt::format("export {}", to_string(from)), &to);
    for (const Change& change : changes) {
        const auto* exported = std::get_if<ExportSpec>(&change.entry);
        if (exported == nullptr)
            continue;
        if (change.kind != Change::Kind::added)
            going_.insert(entry_name(change));
        if (change.kind == Change::Kind::removed)
            continue;
        served_.emplace(entry_name(change), exported);
        note_names(*exported);
    }
    for (const ExportSpec& spec : before.exports) {
        note_names(spec);
        for (const std::string& wanted : spec.options.interfaces) {
            const Candidates& candidates = candidates_.at(wanted);
            for (const std::string& part : candidates.before) {
                if (!candidates.after.contains(part))
                    needed_by_[part].push_back(spec);
            }
        }
    }
}

/// A disk that cannot come to its new address stays at the old one. An interface and the exports that name it
/// depend on each other.
std::string Dependencies::obstacle_to(const std::string& part, const Failures& failures) const {
    if (const auto move = moves_.find(part);
        move != moves_.end() && failures.contains(entry_name(*move->second)))
        return fmt::format("its disk could not move to {}", to_string(move->second->options.address));
    if (const auto served = served_.find(part); served != served_.end()) {
        for (const std::string& wanted : served->second->options.interfaces) {
            if (!is_served(wanted, failures))
                return missing_interface(*served->second, wanted);
        }
    }
    const auto needed = needed_by_.find(part);
    if (needed == needed_by_.end())
        return {};
    for (const ExportSpec& spec : needed->second) {
        const std::string its_part = entry_name(spec);
        const bool stays = !going_.contains(its_part) || failures.contains(its_part);
        const bool loses_it = std::ranges::any_of(spec.options.interfaces, [&](const std::string& wanted) {
            return candidates_.at(wanted).before.contains(part) && !is_served(wanted, failures);
        });
        if (stays && loses_it)
            return fmt::format("{} stays as it was, and is served there", its_part);
    }
    return {};
}

/// Returns whether there will be such an interface. One that cannot be added is missing, and one that cannot
/// be removed stays.
bool Dependencies::is_served(const std::string& wanted, const Failures& failures) const {
    const Candidates& candidates = candidates_.at(wanted);
    const auto is_kept_or_added = [&](const std::string& part) {
        return candidates.before.contains(part) || !failures.contains(part);
    };
    const auto stays = [&](const std::string& part) { return failures.contains(part); };
    return std::ranges::any_of(candidates.after, is_kept_or_added) ||
           std::ranges::any_of(candidates.before, stays);
}

} // namespace cli
