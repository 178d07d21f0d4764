// The table of requests. cli/README.md tells their form.
#include "service/target_session.hpp"

#include "config/json.hpp"
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

std::string all_of(const ConfigurationError& error) {
    std::string all;
    for (const std::string& message : error.messages())
        all += (all.empty() ? "" : "; ") + message;
    return all;
}

RunningConfiguration::Done answer_with(const RunningTarget& running, const ControlSession::Answer& answer) {
    return [&running, answer](const std::string& error) {
        if (!error.empty())
            return answer({{"ok", false}, {"code", exit_failed}, {"error", error}});
        running.changed();
        answer({{"ok", true}});
    };
}

/// What a target is, and its interfaces: the part of a status that is in every page of it.
json head_of(const RunningTarget& running, const aoetarget::Stats& stats) {
    json interfaces = json::array();
    for (const aoetarget::InterfaceStats& interface : stats.interfaces)
        interfaces.push_back(to_json(interface));
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
    try {
        (this->*verb->carry_out)(request, answer);
    } catch (const ConfigurationError& error) {
        throw Failure(exit_configuration, all_of(error));
    }
    descriptors_.clear();
}

void TargetSession::status(const json& request, const Answer& answer) {
    if (!request.contains("after"))
        figures_->reset();
    with_figures([&running = running_, after = export_after(request), answer](const aoetarget::Stats& stats) {
        json reply = head_of(running, stats);
        add_exports(reply, stats, after);
        answer(reply);
    });
}

void TargetSession::stats(const json& request, const Answer& answer) {
    with_figures([after = export_after(request), answer](const aoetarget::Stats& stats) {
        json reply{{"ok", true}};
        add_latencies(reply, stats, after);
        answer(reply);
    });
}

void TargetSession::initiators(const json& request, const Answer& answer) {
    with_figures([after = initiator_after(request), answer](const aoetarget::Stats& stats) {
        json reply{{"ok", true}};
        add_initiators(reply, stats, after);
        answer(reply);
    });
}

/// The session may have ended when the threads have told their figures.
void TargetSession::with_figures(const std::function<void(const aoetarget::Stats&)>& use) {
    if (*figures_)
        return use(**figures_);
    running_.targets.gather([figures = figures_, use](const TargetThreads::AllStats& threads) {
        *figures = join(threads);
        use(**figures);
    });
}

void TargetSession::config(const json& /*request*/, const Answer& answer) {
    answer({{"ok", true},
            {"file", running_.file},
            {"arguments", running_.arguments},
            {"configuration", to_json(running_.configuration.now())}});
}

/// Each device has the facts and the number of descriptors of aoetarget::DeviceParts.
void TargetSession::open(const json& request, const Answer& answer) {
    auto next = descriptors_.begin();
    for (const json& device : request.at("devices")) {
        const aoetarget::Address address = address_from_json(device, "export");
        const bool replaces = device.value("replaces", false);
        aoetarget::DeviceParts parts;
        for (const json& fact : device.at("facts"))
            parts.facts += fact.get_ref<const std::string&>() + '\0';
        const auto files = device.at("files").get<std::size_t>();
        if (files > static_cast<std::size_t>(descriptors_.end() - next))
            throw Failure(exit_failed, "a device has fewer descriptors than it says");
        for (std::size_t i = 0; i < files; ++i) // which put_together() closes, whatever happens
            parts.descriptors.push_back((next++)->release());
        devices_[address] = put_together(parts, replaces);
    }
    answer({{"ok", true}});
}

void TargetSession::add(const json& request, const Answer& answer) {
    Configuration configuration = running_.configuration.now();
    if (const auto interface = request.find("interface"); interface != request.end())
        configuration.interfaces.push_back(interface_from_json(*interface));
    if (const auto exported = request.find("export"); exported != request.end())
        configuration.exports.push_back(export_from_json(*exported, Hosts(configuration.hosts)));
    change_to(std::move(configuration), answer);
}

void TargetSession::remove(const json& request, const Answer& answer) {
    Configuration configuration = running_.configuration.now();
    if (request.contains("interface")) {
        const std::string name = request.at("interface");
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
    change_to(std::move(configuration), answer);
}

void TargetSession::resize(const json& request, const Answer& answer) {
    running_.configuration.resize(address_from_json(request, "export"), [answer](std::uint64_t sectors) {
        answer({{"ok", true}, {"size", sectors * aoetarget::sector_bytes}});
    });
}

void TargetSession::reopen(const json& request, const Answer& answer) {
    running_.configuration.reopen(address_from_json(request, "export"), std::exchange(devices_, {}),
                                  answer_with(running_, answer));
}

void TargetSession::reload(const json& request, const Answer& answer) {
    change_to(configuration_from_json(request.at("configuration")), answer);
}

void TargetSession::change_to(Configuration configuration, const Answer& answer) {
    for (const Fault& fault : find_faults(configuration)) {
        if (fault.part != Fault::Part::whole) // a target may serve nothing for a while
            throw Failure(exit_configuration, fault.text);
    }
    sort_entries(configuration);
    running_.configuration.change_to(std::move(configuration), std::exchange(devices_, {}),
                                     answer_with(running_, answer));
}

void TargetSession::stop(const json& /*request*/, const Answer& answer) {
    answer({{"ok", true}});
    running_.stop();
}

} // namespace cli
