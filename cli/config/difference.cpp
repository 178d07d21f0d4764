// Compares configurations option by option.
#include "config/difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <type_traits>

namespace cli {
namespace {

const OptionTable<InterfaceSpec>& options_of(const InterfaceSpec& /*spec*/) {
    return interface_options();
}

const OptionTable<ExportSpec>& options_of(const ExportSpec& /*spec*/) {
    return export_options();
}

Change change_to(const Change::Entry& entry, const std::vector<OptionInfo>& options) {
    Change change{.kind = Change::Kind::changed, .entry = entry};
    for (const OptionInfo& option : options) {
        change.effect = std::max(change.effect, option.effect);
        change.options.push_back(option.name);
    }
    return change;
}

template <typename Spec>
void compare(const std::vector<Spec>& from, const std::vector<Spec>& to, std::vector<Change>& changes) {
    using Key = std::remove_cvref_t<decltype(key_of(from.front()))>;
    std::map<Key, const Spec*> old;
    for (const Spec& spec : from)
        old.emplace(key_of(spec), &spec);
    std::vector<Change> later;
    for (const Spec& spec : to) {
        const auto before = old.extract(key_of(spec));
        if (before.empty()) {
            later.push_back({Change::Kind::added, spec});
        } else if (*before.mapped() != spec) {
            Change change = change_to(spec, options_of(spec).differing(*before.mapped(), spec));
            if constexpr (std::is_same_v<Spec, ExportSpec>) {
                // A name of [hosts] may stand for others now.
                if (spec.allow == before.mapped()->allow &&
                    spec.options.allow != before.mapped()->options.allow)
                    change.options.push_back("allow");
            }
            later.push_back(std::move(change));
        }
    }
    for (const auto& [key, spec] : old)
        changes.push_back({Change::Kind::removed, *spec});
    std::ranges::stable_sort(later, {}, &Change::kind);
    std::ranges::move(later, std::back_inserter(changes));
}

/// Makes one change.
class Applier {
  public:
    Applier(Configuration& configuration, Change::Kind kind) : configuration_(configuration), kind_(kind) {}

    void operator()(const TargetSpec& target) const { configuration_.target = target; }
    void operator()(const HostNames& hosts) const { configuration_.hosts = hosts; }
    void operator()(const InterfaceSpec& spec) const { replace(configuration_.interfaces, spec); }
    void operator()(const ExportSpec& spec) const { replace(configuration_.exports, spec); }

  private:
    template <typename Spec>
    void replace(std::vector<Spec>& specs, const Spec& spec) const {
        std::erase_if(specs, [&](const Spec& other) { return key_of(other) == key_of(spec); });
        if (kind_ != Change::Kind::removed)
            specs.push_back(spec);
    }

    Configuration& configuration_;
    Change::Kind kind_;
};

} // namespace

std::vector<Change> difference(const Configuration& from, const Configuration& to) {
    std::vector<Change> changes;
    if (from.target != to.target)
        changes.push_back(change_to(to.target, target_options().differing(from.target, to.target)));
    if (from.hosts != to.hosts)
        changes.push_back(change_to(to.hosts, {}));
    compare(from.interfaces, to.interfaces, changes);
    compare(from.exports, to.exports, changes);
    return changes;
}

const ExportSpec* export_to_open(const Change& change) {
    const bool takes_device = change.kind == Change::Kind::added ||
                              (change.kind == Change::Kind::changed && change.effect == Effect::reopen);
    return takes_device ? std::get_if<ExportSpec>(&change.entry) : nullptr;
}

Configuration apply(Configuration configuration, const std::vector<Change>& changes) {
    for (const Change& change : changes)
        std::visit(Applier(configuration, change.kind), change.entry);
    sort_entries(configuration);
    return configuration;
}

std::string entry_name(const ExportSpec& spec) {
    return fmt::format("export {}", to_string(spec.options.address));
}

std::string entry_name(const Change& change) {
    if (const auto* exported = std::get_if<ExportSpec>(&change.entry))
        return entry_name(*exported);
    if (const auto* interface = std::get_if<InterfaceSpec>(&change.entry))
        return fmt::format("interface {}", interface->name);
    return std::holds_alternative<TargetSpec>(change.entry) ? "target" : "hosts";
}

} // namespace cli
