// Compares configurations option by option.
#include "config/difference.hpp"

#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>

namespace cli {
namespace {

const OptionTable<InterfaceSpec>& options_of(const InterfaceSpec& /*spec*/) {
    return interface_options();
}

const OptionTable<ExportSpec>& options_of(const ExportSpec& /*spec*/) {
    return export_options();
}

Change change_to(const Change::Entry& entry, const std::vector<Differing>& differing) {
    Change change{.kind = Change::Kind::changed, .entry = entry};
    for (const auto& [option, from, to] : differing) {
        change.effect = std::max(change.effect, option.effect);
        change.options.push_back(option.name);
    }
    return change;
}

template <typename Spec>
std::string describe(const Spec& from, const Spec& to, Effect effect) {
    const auto text = [](const std::optional<Value>& value) {
        return value ? printable(text_of(*value)) : "none";
    };
    std::string described;
    for (const auto& [option, before, after] : options_of(to).differing(from, to)) {
        if (option.effect == effect)
            described += fmt::format("{}{}: {} -> {}", described.empty() ? "" : ", ", option.name,
                                     text(before), text(after));
    }
    return described;
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

/// Makes the changes one by one, and finds each entry quickly even if there are many.
class Applier {
  public:
    explicit Applier(Configuration from)
        : target_(std::move(from.target)), hosts_(std::move(from.hosts)),
          interfaces_(by_key(std::move(from.interfaces))), exports_(by_key(std::move(from.exports))) {}

    void apply(const Change& change) {
        kind_ = change.kind;
        std::visit(*this, change.entry);
    }
    void operator()(const TargetSpec& target) { target_ = target; }
    void operator()(const HostNames& hosts) { hosts_ = hosts; }
    void operator()(const InterfaceSpec& spec) { replace(interfaces_, spec); }
    void operator()(const ExportSpec& spec) { replace(exports_, spec); }

    [[nodiscard]] Configuration result() && {
        Configuration made{.target = std::move(target_), .hosts = std::move(hosts_)};
        for (auto& [name, spec] : interfaces_)
            made.interfaces.push_back(std::move(spec));
        for (auto& [address, spec] : exports_)
            made.exports.push_back(std::move(spec));
        sort_entries(made);
        return made;
    }

  private:
    template <typename Spec>
    using ByKey = std::map<std::remove_cvref_t<decltype(key_of(std::declval<Spec>()))>, Spec>;

    template <typename Spec>
    static ByKey<Spec> by_key(std::vector<Spec> specs) {
        ByKey<Spec> entries;
        for (Spec& spec : specs)
            entries.emplace(key_of(spec), std::move(spec));
        return entries;
    }
    template <typename Spec>
    void replace(ByKey<Spec>& entries, const Spec& spec) const {
        if (kind_ == Change::Kind::removed)
            entries.erase(key_of(spec));
        else
            entries.insert_or_assign(key_of(spec), spec);
    }

    TargetSpec target_;
    HostNames hosts_;
    ByKey<InterfaceSpec> interfaces_;
    ByKey<ExportSpec> exports_;
    Change::Kind kind_ = Change::Kind::changed;
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

std::string describe_difference(const ExportSpec& from, const ExportSpec& to, Effect effect) {
    return describe(from, to, effect);
}

std::string describe_difference(const InterfaceSpec& from, const InterfaceSpec& to, Effect effect) {
    return describe(from, to, effect);
}

const ExportSpec* export_to_open(const Change& change) {
    const bool takes_device = change.kind == Change::Kind::added ||
                              (change.kind == Change::Kind::changed && change.effect == Effect::reopen);
    return takes_device ? std::get_if<ExportSpec>(&change.entry) : nullptr;
}

Configuration apply(Configuration configuration, const std::vector<Change>& changes) {
    Applier applier(std::move(configuration));
    for (const Change& change : changes)
        applier.apply(change);
    return std::move(applier).result();
}

std::string entry_name(const ExportSpec& spec) {
    return fmt::format("export {}", to_string(spec.options.address));
}

std::string entry_name(const InterfaceSpec& spec) {
    return fmt::format("interface {}", spec.name);
}

std::string entry_name(const Change& change) {
    if (const auto* exported = std::get_if<ExportSpec>(&change.entry))
        return entry_name(*exported);
    if (const auto* interface = std::get_if<InterfaceSpec>(&change.entry))
        return entry_name(*interface);
    return std::holds_alternative<TargetSpec>(change.entry) ? "target" : "hosts";
}

std::string option_names(const Change& change) {
    std::string names;
    for (const std::string_view option : change.options)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", option);
    return names;
}

} // namespace cli
