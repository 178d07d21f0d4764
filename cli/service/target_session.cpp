// The table of requests. cli/control/README.md tells their form.
#include "service/target_session.hpp"

#include "config/json.hpp"
#include "config/parts.hpp"
#include "config/path_text.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "figures/stats_json.hpp"
#include "service/figure_pages.hpp"
#include "service/joined_stats.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <aoetarget/block_device.hpp>
#include <aoetarget/hand_over.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <unistd.h>

namespace cli {
namespace {

using nlohmann::json;

constexpr std::size_t list_bytes = max_control_bytes / 4; // of notes, and of failures, and one more each
constexpr std::size_t part_bytes = max_control_bytes / 2; // and an entry more, and what stands beside it

std::string all_of(const ConfigurationError& error) {
    std::string all;
    for (const std::string& message : error.messages())
        all += (all.empty() ? "" : "; ") + message;
    return all;
}

/// An error names its entry.
std::string with_entry(const std::string& part, const std::string& error) {
    return error.starts_with(part) ? error : fmt::format("{}: {}", part, error);
}

/// Leaves out what is too much for an answer. Returns how many that are.
std::size_t shorten(json& list) {
    std::size_t kept = 0;
    for (std::size_t bytes = 0; kept < list.size() && bytes < list_bytes; ++kept)
        bytes += text_of(list[kept]).size();
    const std::size_t left_out = list.size() - kept;
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(kept), list.end());
    return left_out;
}

/// What has changed has changed, however much there is to say of it.
json done(json notes, json failed) {
    if (const std::size_t left_out = shorten(notes); left_out > 0)
        notes.push_back(fmt::format("There are {} more notes, too many for an answer.", left_out));
    if (const std::size_t left_out = shorten(failed); left_out > 0)
        failed.push_back({{"entry", "others"},
                          {"code", exit_failed},
                          {"error", fmt::format("{} more entries failed, too many for an answer; 'aoetarget "
                                                "config' shows what is served",
                                                left_out)}});
    return {{"ok", true}, {"notes", std::move(notes)}, {"failed", std::move(failed)}};
}

/// Whoever asks for all that is possible learns what was not. Otherwise a failure is an error.
RunningConfiguration::Done answer_with(const RunningTarget& running, Transition::Extent extent,
                                       const ControlSession::Answer& answer) {
    return [&running, extent, answer](const Transition::Result& result) {
        json failed = json::array();
        std::string errors;
        for (const auto& [part, failure] : result.failures) {
            failed.push_back({{"entry", part}, {"code", failure.exit_code()}, {"error", failure.what()}});
            errors += (errors.empty() ? "" : "; ") + with_entry(part, failure.what());
        }
        running.changed();
        if (extent == Transition::Extent::all_or_nothing && !errors.empty())
            return answer({{"ok", false},
                           {"code", result.exit_code()},
                           {"error", result.is_undone ? errors : errors + "; all else has changed"}});
        answer(done(result.notes, std::move(failed)));
    };
}

/// Returns the figures, and what the configuration says of the export. One that is just being added or
/// removed may not be in it.
json described(const aoetarget::ExportStats& figures, const Configuration& configuration) {
    json exported = to_json(figures);
    const auto spec = std::ranges::lower_bound(configuration.exports, figures.address, {},
                                               [](const ExportSpec& one) { return one.options.address; });
    if (spec == configuration.exports.end() || spec->options.address != figures.address)
        return exported;
    exported["path"] = path_text(spec->path);
    exported["read-only"] = spec->file.read_only;
    exported["durability"] = spec->file.durability == aoetarget::Durability::stable ? "stable" : "volatile";
    return exported;
}

/// Returns the figures, and the entry of the configuration.
json described(const aoetarget::InterfaceStats& figures, const Configuration& configuration) {
    json interface = to_json(figures);
    const auto spec = std::ranges::find(configuration.interfaces, figures.entry, &InterfaceSpec::name);
    if (spec != configuration.interfaces.end())
        interface["options"] = to_json(*spec);
    return interface;
}

/// What a target is, and its interfaces: the part of a status that is in every page of it.
json head_of(const RunningTarget& running, const aoetarget::Stats& stats) {
    json interfaces = json::array();
    for (const aoetarget::InterfaceStats& interface : stats.interfaces)
        interfaces.push_back(described(interface, running.configuration.now()));
    return {
        {"ok", true},
        {"name", running.name},
        {"version", aoetarget::version()},
        {"process", getpid()},
        {"start", std::chrono::duration<double>(running.start.time_since_epoch()).count()},
        {"threads", running.targets.size()},
        {"waited-for", stats.waited_for},
        {"failed-last-flushes", stats.failed_last_flushes},
        {"out-of-slots", stats.out_of_slots},
        {"interfaces", std::move(interfaces)},
    };
}

} // namespace

void TargetSession::handle(const json& request, std::vector<Descriptor> descriptors, Answer answer) {
    struct Verb {
        std::string_view name;
        void (TargetSession::*carry_out)(const json& request, const Answer& answer);
    };
    constexpr Verb verbs[] = {
        {"status", &TargetSession::status},
        {"stats", &TargetSession::stats},
        {"initiators", &TargetSession::initiators},
        {"config", &TargetSession::config},
        {"open", &TargetSession::open},
        {"add", &TargetSession::add},
        {"remove", &TargetSession::remove},
        {"resize", &TargetSession::resize},
        {"reload", &TargetSession::reload},
        {"reopen", &TargetSession::reopen},
        {"stop", &TargetSession::stop},
    };
    const auto& name = request.at("do").get_ref<const std::string&>();
    const auto* const verb = std::ranges::find(verbs, std::string_view(name), &Verb::name);
    if (verb == std::end(verbs))
        throw Failure(exit_failed, fmt::format("this target cannot do '{}'", printable(name)));
    descriptors_ = std::move(descriptors);
    const std::unique_ptr<std::vector<Descriptor>, void (*)(std::vector<Descriptor>*)> of_this_request(
        &descriptors_, [](std::vector<Descriptor>* rest) { rest->clear(); });
    try {
        (this->*verb->carry_out)(request, answer);
    } catch (const ConfigurationError& error) {
        throw Failure(exit_configuration, all_of(error));
    }
}

void TargetSession::status(const json& request, const Answer& answer) {
    const auto tell = [&running = running_, after = export_after(request),
                       answer](const aoetarget::Stats& stats) {
        json reply = head_of(running, stats);
        add_exports(reply, stats, after, [&](const aoetarget::ExportStats& exported) {
            return described(exported, running.configuration.now());
        });
        answer(reply);
    };
    with_figures(request, tell);
}

void TargetSession::stats(const json& request, const Answer& answer) {
    with_figures(request, [after = export_after(request), answer](const aoetarget::Stats& stats) {
        json reply{{"ok", true}};
        add_latencies(reply, stats, after);
        answer(reply);
    });
}

void TargetSession::initiators(const json& request, const Answer& answer) {
    with_figures(request, [after = initiator_after(request), answer](const aoetarget::Stats& stats) {
        json reply{{"ok", true}};
        add_initiators(reply, stats, after);
        answer(reply);
    });
}

/// The session may have ended when the threads have told their figures.
void TargetSession::with_figures(const json& request,
                                 const std::function<void(const aoetarget::Stats&)>& use) {
    const std::string what = request.at("do");
    if (!request.contains("after")) {
        if (what == "status" || begun_.contains(what)) {
            figures_->reset();
            begun_.clear();
        }
        begun_.insert(what);
    }
    if (*figures_)
        return use(**figures_);
    running_.targets.gather([figures = figures_, use](const TargetThreads::AllStats& threads) {
        *figures = join(threads);
        use(**figures);
    });
}

/// The parts are those of one moment.
void TargetSession::config(const json& request, const Answer& answer) {
    if (!request.value("more", false)) {
        parts_ = split_configuration(to_json(running_.configuration.now()), part_bytes);
        next_part_ = 0;
    }
    if (next_part_ >= parts_.size())
        throw Failure(exit_failed, "there is no further part of the configuration");
    json reply{{"ok", true}, {"configuration", std::move(parts_[next_part_++])}};
    reply["more"] = next_part_ < parts_.size();
    if (next_part_ == parts_.size())
        parts_.clear();
    if (next_part_ == 1) {
        json arguments = json::array();
        for (const std::string& argument : running_.arguments)
            arguments.push_back(path_text(argument));
        reply["file"] = path_text(running_.file);
        reply["folder"] = path_text(running_.folder);
        reply["arguments"] = std::move(arguments);
    }
    answer(reply);
}

void TargetSession::open(const json& request, const Answer& answer) {
    add_opened(opened_, request, descriptors_, account_);
    answer({{"ok", true}});
}

void TargetSession::add(const json& request, const Answer& answer) {
    Configuration configuration = running_.configuration.now();
    if (const auto interface = request.find("interface"); interface != request.end())
        configuration.interfaces.push_back(interface_from_json(*interface));
    if (const auto exported = request.find("export"); exported != request.end())
        configuration.exports.push_back(export_from_json(*exported, Hosts(configuration.hosts)));
    change_to(std::move(configuration), Extent::all_or_nothing, answer);
}

/// An interface that got another name while it is served has two: that of its entry goes first.
std::string TargetSession::entry_of(const std::string& name) const {
    const std::vector<InterfaceSpec>& entries = running_.configuration.now().interfaces;
    if (std::ranges::find(entries, name, &InterfaceSpec::name) != entries.end())
        return name;
    for (const aoetarget::InterfaceStats& interface : running_.targets[0].stats().interfaces) {
        if (interface.name == name && !is_pattern(interface.entry))
            return interface.entry;
    }
    return name;
}

void TargetSession::remove(const json& request, const Answer& answer) {
    Configuration configuration = running_.configuration.now();
    if (request.contains("interface")) {
        const std::string name = entry_of(request.at("interface"));
        if (std::erase_if(configuration.interfaces, [&](const auto& spec) { return spec.name == name; }) == 0)
            throw Failure(exit_not_found,
                          fmt::format("the target does not serve on an interface '{}'; 'aoetarget "
                                      "config' shows what it serves",
                                      printable(name)));
    }
    if (request.contains("export")) {
        const aoetarget::Address address = address_from_json(request, "export");
        const auto has_it = [&](const ExportSpec& spec) { return spec.options.address == address; };
        if (std::erase_if(configuration.exports, has_it) == 0)
            throw Failure(exit_not_found,
                          fmt::format("there is no export {}; 'aoetarget config' shows what the target "
                                      "serves",
                                      to_string(address)));
    }
    change_to(std::move(configuration), Extent::all_or_nothing, answer);
}

void TargetSession::resize(const json& request, const Answer& answer) {
    using Sizes = RunningConfiguration::Sizes;
    running_.configuration.resize(address_from_json(request, "export"), [answer](const Sizes& sizes) {
        answer({{"ok", true},
                {"size", sizes.sectors * aoetarget::sector_bytes},
                {"device-size", sizes.device_sectors * aoetarget::sector_bytes}});
    });
}

void TargetSession::reopen(const json& request, const Answer& answer) {
    running_.configuration.reopen(address_from_json(request, "export"), std::exchange(opened_, {}).devices,
                                  answer_with(running_, Extent::all_or_nothing, answer));
}

void TargetSession::reload(const json& request, const Answer& answer) {
    Unfinished whole = std::exchange(unfinished_, {});
    const json& part = request.at("configuration");
    join_part(whole.configuration, part);
    if (request.value("more", false)) {
        whole.shares.emplace_back(account_, Amount{.bytes = part.dump().size()});
        unfinished_ = std::move(whole);
        return answer({{"ok", true}});
    }
    running_.reloading();
    const bool is_partial = request.value("partial", false);
    try {
        change_to(configuration_from_json(whole.configuration),
                  is_partial ? Extent::possible : Extent::all_or_nothing, answer);
    } catch (...) {
        running_.changed();
        throw;
    }
}

void TargetSession::change_to(Configuration configuration, Extent extent, const Answer& answer) {
    for (const Fault& fault : find_faults(configuration)) {
        if (fault.part != Fault::Part::whole) // a target may serve nothing for a while
            throw Failure(exit_configuration, fault.text);
    }
    sort_entries(configuration);
    running_.configuration.change_to(std::move(configuration), std::exchange(opened_, {}), extent,
                                     answer_with(running_, extent, answer));
}

void TargetSession::stop(const json& /*request*/, const Answer& answer) {
    answer({{"ok", true}});
    running_.stop();
}

} // namespace cli
