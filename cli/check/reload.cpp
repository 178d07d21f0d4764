// Puts the changes into a few lines.
#include "check/reload.hpp"

#include "config/difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cli {
namespace {

constexpr const char* subject = "target";
constexpr std::size_t most_names = 10; // in a line

/// A change as people call it: "export e1.1 (cache, allow)".
std::string name_of(const Change& change) {
    const std::string options = option_names(change);
    return options.empty() ? entry_name(change) : fmt::format("{} ({})", entry_name(change), options);
}

/// Returns "a, b", or "a, b and 7 more".
std::string list_of(const std::vector<std::string>& names) {
    std::string list;
    for (std::size_t i = 0; i < std::min(names.size(), most_names); ++i)
        list += fmt::format("{}{}", i == 0 ? "" : ", ", names[i]);
    return names.size() <= most_names ? list : fmt::format("{} and {} more", list, names.size() - most_names);
}

/// The entries of each kind.
struct Sorted {
    std::vector<std::string> removed, changed, added, impossible;

    void take(const Change& change, const std::map<std::string, std::string>& renamed) {
        const auto* interface = std::get_if<InterfaceSpec>(&change.entry);
        const auto has_name = [&](const auto& pair) { return pair.second == interface->name; };
        if (change.kind == Change::Kind::changed)
            (change.effect == Effect::restart ? impossible : changed).push_back(name_of(change));
        else if (change.kind == Change::Kind::added && interface != nullptr &&
                 renamed.contains(interface->name))
            changed.push_back(fmt::format("interface {} (name)", renamed.at(interface->name)));
        else if (change.kind == Change::Kind::added)
            added.push_back(name_of(change));
        else if (interface == nullptr || std::ranges::none_of(renamed, has_name))
            removed.push_back(name_of(change));
    }
};

} // namespace

Findings judge_reload(const Configuration& present, const PresentNames& names, Configuration wanted) {
    if (wanted.target.state_directory.empty()) // as the target takes it
        wanted.target.state_directory = present.target.state_directory;
    const std::vector<Change> changes = difference(present, wanted);
    if (changes.empty())
        return {{Weight::ok, subject, "the target that runs serves just this, so a reload changes nothing"}};
    const auto renamed = renamed_interfaces(changes, [&] { return names; });
    Sorted sorted;
    for (const Change& change : changes)
        sorted.take(change, renamed);
    Findings all;
    const auto add = [&](std::string_view verb, const std::vector<std::string>& entries) {
        if (!entries.empty())
            all.push_back(
                {Weight::note, subject,
                 fmt::format("a reload of the target that runs would {} {}", verb, list_of(entries))});
    };
    add("remove", sorted.removed);
    add("change", sorted.changed);
    add("add", sorted.added);
    if (!sorted.impossible.empty())
        all.push_back({Weight::warning, subject,
                       fmt::format("a reload of the target that runs would fail, because it cannot change {} "
                                   "while it serves",
                                   list_of(sorted.impossible)),
                       "start it anew; 'aoetarget reload --partial' changes the rest"});
    return all;
}

} // namespace cli
