// A change as a sequence of steps, each on the thread whose target it concerns.
#include "service/running_configuration.hpp"

#include "exit_code.hpp"
#include "failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace cli {

using aoetarget::Address, aoetarget::Target;

/// What can fail comes first, and what cannot be undone last.
struct RunningConfiguration::Transition {
    Configuration configuration; ///< that runs at the end
    ThreadOf thread_of;
    std::vector<Step> additions, changes, swaps, removals;
    std::vector<Step> steps; ///< all of them, in this order
    std::size_t made = 0;
    Done done;
};

namespace {

std::string names_of(const std::vector<std::string_view>& options) {
    std::string names;
    for (const std::string_view option : options)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", option);
    return names;
}

/// Returns the text of the error that the call ends with, or an empty one.
std::string error_of(const std::function<void(Target&)>& call, Target& target) {
    try {
        call(target);
        return {};
    } catch (const std::system_error& error) {
        return message_of(error);
    } catch (const std::exception& error) {
        return error.what();
    }
}

template <typename Spec>
auto find_entry(const std::vector<Spec>& specs, const Spec& spec) {
    return std::ranges::find(specs, key_of(spec), [](const Spec& other) { return key_of(other); });
}

} // namespace

RunningConfiguration::RunningConfiguration(TargetThreads& targets, Configuration configuration, Leave leave)
    : targets_(targets), leave_(std::move(leave)), configuration_(std::move(configuration)) {
    for (std::size_t i = 0; i < configuration_.exports.size(); ++i)
        thread_of_[configuration_.exports[i].options.address] = i % targets_.size();
}

void RunningConfiguration::change_to(Configuration configuration, OpenDevices devices, Done done) {
    if (configuration.target.state_directory.empty())
        configuration.target.state_directory = configuration_.target.state_directory;
    const std::vector<Change> changes = difference(configuration_, configuration);
    const auto transition = prepare(std::move(configuration), std::move(done));
    check(changes, devices);
    plan(*transition, changes, devices);
    start(transition);
}

std::shared_ptr<RunningConfiguration::Transition> RunningConfiguration::prepare(Configuration configuration,
                                                                                Done done) const {
    if (is_changing_)
        throw Failure(exit_failed, "another change is under way; try again when it is done");
    const auto transition = std::make_shared<Transition>();
    transition->configuration = std::move(configuration);
    transition->thread_of = thread_of_;
    transition->done = std::move(done);
    return transition;
}

void RunningConfiguration::start(const std::shared_ptr<Transition>& transition) {
    for (auto* steps :
         {&transition->additions, &transition->changes, &transition->swaps, &transition->removals})
        std::ranges::move(*steps, std::back_inserter(transition->steps));
    is_changing_ = true;
    make_next(transition);
}

void RunningConfiguration::check(const std::vector<Change>& changes, const OpenDevices& devices) const {
    for (const Change& change : changes) {
        const auto* exported = std::get_if<ExportSpec>(&change.entry);
        const std::string what = exported != nullptr ? to_string(exported->options.address) : "the target";
        if (change.kind == Change::Kind::changed && change.effect == Effect::restart)
            throw Failure(
                exit_failed,
                fmt::format("{}: {} cannot change while it serves; {}", what, names_of(change.options),
                            exported != nullptr ? "remove the export, and add it again" : "start it anew"));
        const ExportSpec* to_open = export_to_open(change);
        if (to_open != nullptr && !devices.contains(to_open->options.address))
            throw Failure(exit_failed,
                          fmt::format("{}: nobody has opened {} for this change; what runs has changed "
                                      "meanwhile, so try again",
                                      what, to_open->path));
    }
}

std::size_t RunningConfiguration::least_used_thread(const ThreadOf& thread_of) const {
    std::vector<std::size_t> exports(targets_.size());
    for (const auto& [address, thread] : thread_of)
        ++exports[thread];
    return static_cast<std::size_t>(std::ranges::min_element(exports) - exports.begin());
}

void RunningConfiguration::plan(Transition& transition, const std::vector<Change>& changes,
                                OpenDevices& devices) {
    for (const Change& change : changes) {
        if (const auto* exported = std::get_if<ExportSpec>(&change.entry))
            plan(transition, change, *exported, devices);
        else if (const auto* interface = std::get_if<InterfaceSpec>(&change.entry))
            plan(transition, change, *interface);
    }
}

/// A swap cannot be undone, so whatever keeps one from its success comes before the first.
RunningConfiguration::Step RunningConfiguration::check_of(std::size_t thread, const Address& address,
                                                          std::uint64_t sectors) {
    return {thread,
            [address, sectors](const Target& target) {
                for (const aoetarget::ExportStats& exported : target.stats().exports) {
                    if (exported.address == address && exported.sectors > sectors)
                        throw std::runtime_error(fmt::format("export {}: its new disk has {} sectors, and "
                                                             "initiators know of {}; remove the export and "
                                                             "add it again if its content may go",
                                                             to_string(address), sectors, exported.sectors));
                }
            },
            {}};
}

RunningConfiguration::Step RunningConfiguration::swap(std::size_t thread, const Address& address,
                                                      std::unique_ptr<aoetarget::FileDevice> device) const {
    // A step can be copied, as std::function demands, and is made once.
    const auto shared = std::make_shared<std::unique_ptr<aoetarget::FileDevice>>(std::move(device));
    return {thread,
            [this, address, shared](Target& target) {
                target.replace_device(address, std::move(*shared));
                leave_(address);
            },
            {}};
}

void RunningConfiguration::plan(Transition& transition, const Change& change, const ExportSpec& spec,
                                OpenDevices& devices) {
    const Address address = spec.options.address;
    const auto given = devices.extract(address);
    // A step can be copied, as std::function demands, and is made once.
    const auto device = std::make_shared<std::unique_ptr<aoetarget::FileDevice>>(
        given.empty() ? nullptr : std::move(given.mapped()));
    switch (change.kind) {
    case Change::Kind::added: {
        const std::size_t thread = least_used_thread(transition.thread_of);
        transition.thread_of[address] = thread;
        transition.additions.push_back({thread,
                                        [options = spec.options, device](Target& target) {
                                            target.add_export(options, std::move(*device));
                                        },
                                        [address](Target& target) { target.remove_export(address); }});
        break;
    }
    case Change::Kind::removed:
        transition.thread_of.erase(address);
        transition.removals.push_back({thread_of_.at(address),
                                       [this, address](Target& target) {
                                           leave_(address);
                                           target.remove_export(address);
                                       },
                                       {}});
        break;
    case Change::Kind::changed: {
        const ExportSpec& before = *find_entry(configuration_.exports, spec);
        const std::size_t thread = thread_of_.at(address);
        if (before.options != spec.options)
            transition.changes.push_back(
                {thread, [options = spec.options](Target& target) { target.change_export(options); },
                 [options = before.options](Target& target) { target.change_export(options); }});
        if (*device != nullptr) {
            transition.additions.push_back(check_of(thread, address, (*device)->geometry().sectors));
            transition.swaps.push_back(swap(thread, address, std::move(*device)));
        }
        break;
    }
    }
}

void RunningConfiguration::plan(Transition& transition, const Change& change, const InterfaceSpec& spec) {
    const std::string name = spec.name;
    const auto number = static_cast<std::size_t>(find_entry(configuration_.interfaces, spec) -
                                                 configuration_.interfaces.begin());
    const auto remove = [name](Target& target) { target.remove_interface(name); };
    for (std::size_t thread = 0; thread < targets_.size(); ++thread) {
        const auto change_to = [&](const InterfaceSpec& wanted) {
            return [name, options = targets_.options_for(thread, number, wanted.options)](Target& target) {
                target.change_interface(name, options);
            };
        };
        switch (change.kind) {
        case Change::Kind::added:
            transition.additions.push_back(
                {thread,
                 [name, options = targets_.options_for(thread, number, spec.options)](Target& target) {
                     target.add_interface(name, options);
                 },
                 remove});
            break;
        case Change::Kind::removed:
            transition.removals.push_back({thread, remove, {}});
            break;
        case Change::Kind::changed:
            transition.changes.push_back(
                {thread, change_to(spec), change_to(*find_entry(configuration_.interfaces, spec))});
            break;
        }
    }
}

void RunningConfiguration::make_next(const std::shared_ptr<Transition>& transition) {
    if (transition->made == transition->steps.size()) {
        configuration_ = std::move(transition->configuration);
        thread_of_ = std::move(transition->thread_of);
        is_changing_ = false;
        transition->done({});
        return;
    }
    const Step& step = transition->steps[transition->made];
    targets_.ask(
        step.thread, [transition, &step](Target& target) { return error_of(step.make, target); },
        [this, transition](const std::string& error) {
            if (!error.empty())
                return undo_next(transition, error);
            ++transition->made;
            make_next(transition);
        });
}

void RunningConfiguration::undo_next(const std::shared_ptr<Transition>& transition,
                                     const std::string& error) {
    if (transition->made == 0) {
        is_changing_ = false;
        transition->done(error);
        return;
    }
    const Step& step = transition->steps[--transition->made];
    targets_.ask(
        step.thread,
        [transition, &step](Target& target) {
            return step.undo ? error_of(step.undo, target) : std::string();
        },
        [this, transition, error](const std::string& another) {
            undo_next(transition,
                      another.empty()
                          ? error
                          : fmt::format("{}; and what was changed before could not be changed back: {}",
                                        error, another));
        });
}

void RunningConfiguration::reopen(const Address& address, OpenDevices devices, Done done) {
    const auto transition = prepare(configuration_, std::move(done));
    const std::size_t thread = thread_serving(address);
    const auto given = devices.extract(address);
    if (given.empty())
        throw Failure(exit_failed,
                      fmt::format("{}: nobody has opened its disk for this", to_string(address)));
    transition->swaps.push_back(swap(thread, address, std::move(given.mapped())));
    start(transition);
}

void RunningConfiguration::resize(const Address& address, std::function<void(std::uint64_t sectors)> done) {
    targets_.ask(
        thread_serving(address), [address](Target& target) { return target.resize_export(address); },
        std::move(done));
}

std::size_t RunningConfiguration::thread_serving(const Address& address) const {
    const auto found = thread_of_.find(address);
    if (found == thread_of_.end())
        throw Failure(exit_not_found, fmt::format("there is no export {}", to_string(address)));
    return found->second;
}

} // namespace cli
