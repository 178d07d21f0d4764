// Plans the steps of a change, and takes note of what it has changed.
#include "service/running_configuration.hpp"

#include "config/renamed_interfaces.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "service/advice.hpp"
#include "service/steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace cli {

using aoetarget::Address, aoetarget::FileDevice, aoetarget::Target;
using Phase = Step::Phase;

namespace {

/// No interface can have this name.
constexpr const char* no_interface = "/";
/// Advice on the number of sectors was given before.
constexpr std::uint64_t sectors_of_no_interest = 2;

/// Its sender says whose lock it shares.
void check_lock(const Target& target, const Address& owner, const FileDevice& device) {
    if (target.shares_foreign_lock(owner, device))
        throw std::runtime_error(
            fmt::format("its device shares a lock with another export than {}, which it should replace",
                        to_string(owner)));
}

/// A swap cannot be undone, so whatever keeps one from its success comes before the first.
void check_size(const Target& target, const Address& address, std::uint64_t sectors) {
    const std::uint64_t known = target.export_sectors(address).value_or(0);
    if (known > sectors)
        throw std::runtime_error(
            fmt::format("export {}: its new disk has {} sectors, and initiators know of {}; remove the "
                        "export and add it again if its content may go",
                        to_string(address), sectors, known));
}

} // namespace

RunningConfiguration::RunningConfiguration(TargetThreads& targets, Configuration configuration, Leave leave)
    : targets_(targets), leave_(std::move(leave)), configuration_(std::move(configuration)) {
    for (std::size_t i = 0; i < configuration_.exports.size(); ++i)
        thread_of_[configuration_.exports[i].options.address] = i % targets_.size();
}

void RunningConfiguration::change_to(Configuration configuration, Opened opened, Transition::Extent extent,
                                     Done done) {
    if (configuration.target.state_directory.empty())
        configuration.target.state_directory = configuration_.target.state_directory;
    const auto present = prepare(extent, std::move(done));
    present->changes = difference(configuration_, configuration);
    present->devices = std::move(opened.devices);
    present->interfaces = std::move(opened.interfaces);
    note_moves(*present);
    present->renamed = renamed_interfaces(present->changes, [this] {
        PresentNames names;
        for (const aoetarget::InterfaceStats& interface : targets_[0].stats().interfaces)
            names.emplace(interface.entry, interface.name);
        return names;
    });
    std::string obstacles;
    for (const Change& change : present->changes) {
        const std::string obstacle = obstacle_to(change, *present);
        if (obstacle.empty())
            plan(*present, change);
        else if (extent == Transition::Extent::possible)
            present->transition->fail(entry_name(change), Failure(exit_failed, obstacle));
        else
            obstacles += fmt::format("{}{}: {}", obstacles.empty() ? "" : "; ", entry_name(change), obstacle);
    }
    if (!obstacles.empty())
        throw Failure(exit_failed, obstacles);
    if (present->closing != nullptr)
        plan_closing(*present);
    start(present);
}

std::shared_ptr<RunningConfiguration::Present> RunningConfiguration::prepare(Transition::Extent extent,
                                                                             Done done) const {
    if (present_ != nullptr)
        throw Failure(exit_failed, "another change is under way; try again when it is done");
    auto present = std::make_shared<Present>();
    present->transition = std::make_unique<Transition>(targets_, extent);
    present->thread_of = thread_of_;
    present->exports_of.resize(targets_.size());
    for (const auto& [address, thread] : thread_of_)
        ++present->exports_of[thread];
    present->done = std::move(done);
    return present;
}

/// An export moves if its disk is that of another one which is removed.
void RunningConfiguration::note_moves(Present& present) {
    std::map<Address, const ExportSpec*> takers;
    for (const Change& change : present.changes) {
        const auto* added = std::get_if<ExportSpec>(&change.entry);
        if (added == nullptr || change.kind != Change::Kind::added)
            continue;
        const auto given = present.devices.find(added->options.address);
        if (given != present.devices.end() && given->second.replaces)
            takers.emplace(*given->second.replaces, added);
    }
    for (const Change& change : present.changes) {
        const auto* removed = std::get_if<ExportSpec>(&change.entry);
        if (removed == nullptr || change.kind != Change::Kind::removed)
            continue;
        if (const auto taker = takers.find(removed->options.address); taker != takers.end())
            present.moves.emplace(taker->first, *taker->second);
    }
}

/// Returns why a change cannot be made, or nothing.
std::string RunningConfiguration::obstacle_to(const Change& change, const Present& present) const {
    const auto* exported = std::get_if<ExportSpec>(&change.entry);
    if (change.kind == Change::Kind::changed && change.effect == Effect::restart)
        return fmt::format("{} cannot change while it serves; {}", option_names(change),
                           exported != nullptr ? "remove the export, and add it again" : "start it anew");
    const ExportSpec* to_open = export_to_open(change);
    if (to_open == nullptr)
        return {};
    const Address& address = to_open->options.address;
    const auto given = present.devices.find(address);
    if (given == present.devices.end())
        return fmt::format("nobody has opened {} for this change; what runs has changed meanwhile, so try "
                           "again",
                           to_open->path);
    const std::optional<Address>& owner = given->second.replaces;
    const auto move = owner ? present.moves.find(*owner) : present.moves.end();
    const bool may_have_it =
        !owner || (change.kind == Change::Kind::changed
                       ? *owner == address
                       : move != present.moves.end() && move->second.options.address == address);
    return may_have_it ? std::string()
                       : fmt::format("{0} is the disk of {1}, and keeps it; remove {1} first", to_open->path,
                                     to_string(*owner));
}

void RunningConfiguration::start(const std::shared_ptr<Present>& present) {
    present_ = present;
    present->transition->start(
        [this, present = present.get()](const std::string& part, const Transition::Result& result) {
            return forbid(*present, part, result);
        },
        [this](const Transition::Result& result) { finish(result); });
}

void RunningConfiguration::finish(const Transition::Result& result) {
    const std::shared_ptr<Present> over = std::move(present_);
    if (!result.is_undone) {
        configuration_ = cli::apply(configuration_, changes_without_failures(*over, result));
        keep_lists(configuration_); // an entry that stays as it was may name a host of before
        thread_of_.clear();
        for (const ExportSpec& spec : configuration_.exports)
            thread_of_.insert(over->thread_of.extract(spec.options.address));
    }
    over->done(result);
}

std::vector<Change> RunningConfiguration::changes_without_failures(const Present& present,
                                                                   const Transition::Result& result) {
    std::vector<Change> changes;
    for (const Change& change : present.changes) {
        const auto* spec = std::get_if<InterfaceSpec>(&change.entry);
        const bool stays =
            spec != nullptr && change.kind == Change::Kind::removed &&
            std::ranges::any_of(present.renamed, [&](const auto& renamed) {
                return renamed.second == spec->name && result.failures.contains("interface " + renamed.first);
            });
        if (!stays && !result.failures.contains(entry_name(change)))
            changes.push_back(change);
    }
    return changes;
}

std::string RunningConfiguration::forbid(Present& present, const std::string& part,
                                         const Transition::Result& result) const {
    if (result.failures.empty())
        return {};
    if (!present.dependencies)
        present.dependencies.emplace(configuration_, present.changes, present.moves);
    return present.dependencies->obstacle_to(part, result.failures);
}

void RunningConfiguration::plan(Present& present, const Change& change) {
    if (const auto* exported = std::get_if<ExportSpec>(&change.entry))
        plan(present, change, *exported);
    else if (const auto* interface = std::get_if<InterfaceSpec>(&change.entry))
        plan(present, change, *interface);
}

void RunningConfiguration::plan(Present& present, const Change& change, const ExportSpec& spec) {
    const Address address = spec.options.address;
    const auto given = present.devices.extract(address);
    OpenDevice opened = given.empty() ? OpenDevice() : std::move(given.mapped());
    switch (change.kind) {
    case Change::Kind::added:
        plan_addition(present, spec, std::move(opened));
        break;
    case Change::Kind::removed:
        if (const auto move = present.moves.find(address); move != present.moves.end())
            plan_move(present, spec, move->second);
        else
            plan_removal(present, spec);
        break;
    case Change::Kind::changed: {
        const ExportSpec& before = *find_entry(configuration_.exports, spec);
        const auto change_to = [](const aoetarget::ExportOptions& options) {
            return [options](Target& target) { target.change_export(options); };
        };
        present.transition->note(advice_on_change(&before, spec, sectors_of_no_interest));
        if (before.options != spec.options)
            present.transition->add({Phase::change, entry_name(spec), thread_of_.at(address),
                                     plain(change_to(spec.options)), change_to(before.options)});
        if (opened.device != nullptr)
            plan_swap(*present.transition, spec, std::move(opened),
                      describe_difference(before, spec, Effect::reopen));
        break;
    }
    }
}

/// A disk that moves stays on its thread. Another one comes to the thread that has the fewest.
std::size_t RunningConfiguration::choose_thread(Present& present, const OpenDevice& given) const {
    if (given.replaces)
        return thread_of_.at(*given.replaces);
    const auto least = std::ranges::min_element(present.exports_of);
    ++*least;
    return static_cast<std::size_t>(least - present.exports_of.begin());
}

/// One that takes over the disk of another is hidden at first.
void RunningConfiguration::plan_addition(Present& present, const ExportSpec& spec, OpenDevice given) {
    const std::optional<Address> from = given.replaces;
    const std::size_t thread = choose_thread(present, given);
    present.thread_of[spec.options.address] = thread;
    aoetarget::ExportOptions options = spec.options;
    if (from)
        options.interfaces = {no_interface};
    present.transition->add(
        {Phase::addition, entry_name(spec), thread,
         [spec, options, from, device = share(std::move(given.device))](Target& target, const Step::Hold&) {
             if (from)
                 check_lock(target, *from, **device);
             Step::Notes notes = advice_on_change(nullptr, spec, (*device)->geometry().sectors);
             for (const std::string& note : target.add_export(options, std::move(*device)))
                 notes.push_back(fmt::format("{}: {}", to_string(options.address), note));
             return notes;
         },
         [address = options.address](Target& target) { target.remove_export(address); }});
}

Step RunningConfiguration::removal(Phase phase, const ExportSpec& spec,
                                   std::shared_ptr<Closing> closing) const {
    const Address address = spec.options.address;
    return {phase, entry_name(spec), thread_of_.at(address),
            plain([this, address, closing = std::move(closing)](Target& target) {
                leave_(address);
                target.remove_export(address, [is_open = closing->open(address)] {});
            })};
}

void RunningConfiguration::plan_removal(Present& present, const ExportSpec& spec) {
    if (present.closing == nullptr)
        present.closing = std::make_shared<Closing>();
    present.transition->add(removal(Phase::removal, spec, present.closing));
}

/// Whoever has removed an export may use its disk when this is done.
void RunningConfiguration::plan_closing(Present& present) {
    present.transition->add({.phase = Phase::closing,
                             .part = {},
                             .thread = 0,
                             .make =
                                 [closing = present.closing](Target&, const Step::Hold& hold) {
                                     closing->wait(hold);
                                     return Step::Notes();
                                 },
                             .late = [closing = present.closing] { return closing->text(); },
                             .patience = std::chrono::seconds(5),
                             .may_be_late = true});
}

/// The device of the old export has ended its last request, and is closed, before anybody sees the new one.
void RunningConfiguration::plan_move(Present& present, const ExportSpec& from, const ExportSpec& to) {
    const Address address = from.options.address;
    const std::size_t thread = thread_of_.at(address);
    const auto closing = std::make_shared<Closing>();
    present.transition->add(removal(Phase::move, from, closing));
    present.transition->add({Phase::move,
                             entry_name(to),
                             thread,
                             [closing](Target&, const Step::Hold& hold) {
                                 closing->wait(hold);
                                 return Step::Notes();
                             },
                             {},
                             [address] {
                                 return fmt::format(
                                     "the disk of {} has not ended the requests that were under way, so "
                                     "it cannot be served here yet; repeat the change when it has",
                                     to_string(address));
                             }});
    present.transition->add(
        {Phase::move, entry_name(to), thread,
         plain([options = to.options](Target& target) { target.change_export(options); })});
}

void RunningConfiguration::plan_swap(Transition& transition, const ExportSpec& spec, OpenDevice given,
                                     const std::string& what) {
    const Address address = spec.options.address;
    const std::size_t thread = thread_of_.at(address);
    const Shared<FileDevice> device = share(std::move(given.device));
    transition.add({Phase::addition, entry_name(spec), thread, plain([address, device](Target& target) {
                        check_size(target, address, (*device)->geometry().sectors);
                        check_lock(target, address, **device);
                    })});
    transition.add(
        {Phase::swap, entry_name(spec), thread, plain([this, address, device, what](Target& target) {
             target.replace_device(address, std::move(*device), what);
             leave_(address);
         })});
}

void RunningConfiguration::reopen(const Address& address, OpenDevices devices, Done done) {
    const auto present = prepare(Transition::Extent::all_or_nothing, std::move(done));
    static_cast<void>(thread_serving(address));
    auto given = devices.extract(address);
    if (given.empty() || given.mapped().replaces.value_or(address) != address)
        throw Failure(exit_failed,
                      fmt::format("{}: nobody has opened its disk for this", to_string(address)));
    const auto spec = std::ranges::find(configuration_.exports, address,
                                        [](const ExportSpec& one) { return one.options.address; });
    plan_swap(*present->transition, *spec, std::move(given.mapped()), {});
    start(present);
}

void RunningConfiguration::resize(const Address& address, std::function<void(const Sizes& sizes)> done) {
    const auto resize = [address](Target& target) {
        const std::uint64_t sectors = target.resize_export(address);
        return Sizes{.sectors = sectors, .device_sectors = target.device_sectors(address).value_or(sectors)};
    };
    targets_.ask(thread_serving(address), resize, std::move(done));
}

std::size_t RunningConfiguration::thread_serving(const Address& address) const {
    const auto found = thread_of_.find(address);
    if (found == thread_of_.end())
        throw Failure(exit_not_found, fmt::format("there is no export {}", to_string(address)));
    return found->second;
}

} // namespace cli
