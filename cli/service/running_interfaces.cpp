// Plans the steps of a change that concern interfaces.
#include "service/report.hpp"
#include "service/running_configuration.hpp"
#include "service/steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace cli {

using aoetarget::Target;
using Phase = Step::Phase;

namespace {

/// Returns whether an interface whose entry is removed is served under that of its other name.
bool goes_on(const auto& present, const std::string& name) {
    return std::ranges::any_of(present.renamed, [&](const auto& renamed) { return renamed.second == name; });
}

/// Returns a step after those that add or change an entry. It has a turn of its own, because the link may get
/// its lane at the end of theirs. As at the start, the first thread speaks for all.
Step note_buffers(Phase phase, const InterfaceSpec& spec) {
    return {phase, entry_name(spec), 0, [name = spec.name](Target& target, const Step::Hold&) {
                Step::Notes notes;
                for (const aoetarget::InterfaceStats& interface : target.stats().interfaces) {
                    const std::string note = interface.entry == name ? buffers_note(interface) : "";
                    if (!note.empty())
                        notes.push_back(fmt::format("{}: {}", interface.name, note));
                }
                return notes;
            }};
}

} // namespace

void RunningConfiguration::plan(Present& present, const Change& change, const InterfaceSpec& spec) {
    const std::string name = spec.name;
    if (change.kind == Change::Kind::added && present.renamed.contains(name))
        return plan_rename(present, spec);
    if (change.kind == Change::Kind::removed && goes_on(present, name))
        return;
    const std::size_t number = number_of(spec);
    const auto remove = [name](Target& target) { target.remove_interface(name); };
    const auto add = [&](Phase phase, std::size_t thread, auto make, std::function<void(Target&)> undo) {
        present.transition->add({phase, entry_name(change), thread, plain(std::move(make)), std::move(undo)});
    };
    for (std::size_t thread = 0; thread < targets_.size(); ++thread) {
        const auto options_of = [&](const InterfaceSpec& wanted) {
            return targets_.options_for(thread, number, wanted.options);
        };
        const bool may_have_xdp = options_of(spec).link != aoetarget::LinkKind::packet;
        const auto given = share(take_prepared(present.interfaces, name, may_have_xdp));
        switch (change.kind) {
        case Change::Kind::added:
            add(
                Phase::addition, thread,
                [name, options = options_of(spec), given](Target& target) {
                    target.add_interface(name, options, std::move(*given));
                },
                remove);
            break;
        case Change::Kind::removed:
            add(Phase::removal, thread, remove, {});
            break;
        case Change::Kind::changed:
            const InterfaceSpec& before = *find_entry(configuration_.interfaces, spec);
            add(
                Phase::change, thread,
                [name, options = options_of(spec), given,
                 what = describe_difference(before, spec, Effect::reopen)](Target& target) {
                    target.change_interface(name, options, std::move(*given), what);
                },
                [name, options = options_of(before)](Target& target) {
                    target.change_interface(name, options);
                });
            break;
        }
    }
    if (change.kind != Change::Kind::removed)
        present.transition->add(
            note_buffers(change.kind == Change::Kind::added ? Phase::addition : Phase::change, spec));
}

/// An interface that a pattern has brought stays on the thread that has its lane.
std::size_t RunningConfiguration::number_of(const InterfaceSpec& spec) const {
    const std::vector<InterfaceSpec>& entries = configuration_.interfaces;
    auto found = find_entry(entries, spec);
    if (found == entries.end() && targets_.size() > 1) {
        for (const aoetarget::InterfaceStats& interface : targets_[0].stats().interfaces) {
            if (interface.name == spec.name)
                found = std::ranges::find(entries, interface.entry, &InterfaceSpec::name);
        }
    }
    return static_cast<std::size_t>(found - entries.begin());
}

void RunningConfiguration::plan_rename(Present& present, const InterfaceSpec& spec) {
    const auto before =
        std::ranges::find(configuration_.interfaces, present.renamed.at(spec.name), &InterfaceSpec::name);
    const auto number = static_cast<std::size_t>(before - configuration_.interfaces.begin());
    for (std::size_t thread = 0; thread < targets_.size(); ++thread) {
        const auto rename = [&](const InterfaceSpec& from, const InterfaceSpec& to) {
            return [from = from.name, name = to.name,
                    options = targets_.options_for(thread, number, to.options)](Target& target) {
                target.rename_interface(from, name);
                target.change_interface(name, options);
            };
        };
        present.transition->add(
            {Phase::change, entry_name(spec), thread, plain(rename(*before, spec)), rename(spec, *before)});
    }
    present.transition->add(note_buffers(Phase::change, spec));
}

} // namespace cli
