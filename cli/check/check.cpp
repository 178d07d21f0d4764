// Gathers the facts that one check needs of another, and puts the findings in order.
#include "check/check.hpp"

#include "check/exports.hpp"
#include "check/interfaces.hpp"
#include "check/network.hpp"
#include "check/process.hpp"
#include "check/reload.hpp"
#include "failure.hpp"
#include "service/rivals.hpp"

#include <aoetarget/discover.hpp>
#include <aoetarget/inspect.hpp>

#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <system_error>
#include <utility>

namespace cli {
namespace {

constexpr std::chrono::milliseconds time_to_answer{1000};

class Check {
  public:
    Check(const Configuration& configuration, const CheckOptions& options)
        : configuration_(configuration), options_(options) {}

    Findings run() {
        const ControlFacts control = look_at_control(options_.control_path, options_.control_is_demanded);
        const ProcessFacts process = look_at_process(configuration_.target.state_directory);
        check_exports(control.process);
        check_interfaces(control.interfaces.over_xdp);
        append(all_, judge_process(configuration_, process, frame_bytes_));
        append(all_, judge_control(control));
        if (control.serves)
            append(all_, judge_reload(*control.serves, control.interfaces.names, configuration_));
        check_rivals();
        if (options_.asks_network)
            ask_networks(process.has_net_raw, control.is_taken || control.path.empty());
        put_subjects_together();
        return std::move(all_);
    }

  private:
    void check_exports(long running_process) {
        std::vector<InspectedExport> inspected;
        for (const ExportSpec& spec : configuration_.exports) {
            inspected.push_back({&spec, std::nullopt});
            try {
                inspected.back().found = aoetarget::inspect_file(spec.path, spec.file);
            } catch (const std::system_error& error) {
                all_.push_back(finding_of(subject_of(spec), error));
                continue;
            }
            const aoetarget::FileInspection& found = *inspected.back().found;
            memory_alignment_ = std::max(memory_alignment_, found.geometry.memory_alignment);
            append(all_, judge_export(spec, found, look_at_path(spec.path), running_process));
        }
        append(all_, judge_space(inspected));
    }

    void check_interfaces(const std::vector<std::string>& freed) {
        const std::uint64_t largest_buffer = kernel_number("/proc/sys/net/core/rmem_max");
        for (const InterfaceSpec& spec : configuration_.interfaces) { // names before patterns
            try {
                const auto found = aoetarget::inspect_interfaces(
                    spec.name, spec.options,
                    {.count = configuration_.exports.size(), .memory_alignment = memory_alignment_}, freed);
                if (found.empty())
                    append(all_, judge_absence(spec));
                for (const aoetarget::InterfaceInspection& interface : found)
                    take(spec, interface, largest_buffer);
            } catch (const std::system_error& error) {
                all_.push_back(finding_of(subject_of(spec), error));
            }
        }
    }

    /// The first entry that means an interface takes it.
    void take(const InterfaceSpec& spec, const aoetarget::InterfaceInspection& found,
              std::uint64_t largest_buffer) {
        const std::string& name = found.stats.name;
        const auto same = std::ranges::find(served_, name, &aoetarget::InterfaceStats::name);
        if (same != served_.end() && !spec.is_pattern())
            all_.push_back(
                {Weight::error, subject_of(spec), "the target uses it already, as " + name, "name it once"});
        if (same != served_.end())
            return;
        append(all_, judge_interface(spec, found, largest_buffer));
        frame_bytes_ += found.memory_bytes;
        served_.push_back(found.stats);
    }

    void check_rivals() {
        try {
            refuse_rivals(configuration_.exports);
        } catch (const std::runtime_error& error) {
            all_.push_back(finding_of(Weight::error, "target", error.what()));
        }
    }

    /// All at once, because each takes a second.
    void ask_networks(bool may_ask, bool may_have_predecessor) {
        using Answer = std::future<std::vector<aoetarget::DiscoveredTarget>>;
        std::vector<std::pair<std::string, Answer>> answers;
        for (const aoetarget::InterfaceStats& interface : served_) {
            if (!may_ask)
                all_.push_back({Weight::note, "interface " + interface.name,
                                "without CAP_NET_RAW nobody could ask its network for targets with these "
                                "addresses",
                                "run as root"});
            else if (interface.up && interface.port_of.empty())
                answers.emplace_back(interface.name, std::async(std::launch::async, aoetarget::discover,
                                                                interface.name, time_to_answer));
        }
        const OwnMachine own{own_macs(), may_have_predecessor};
        for (auto& [interface, answer] : answers) {
            try {
                append(all_, judge_network(interface, configuration_.exports, answer.get(), own));
            } catch (const std::system_error& error) {
                all_.push_back(finding_of("interface " + interface, error));
            }
        }
    }

    /// The target comes first, then the interfaces, then the exports; what belongs to one stays in its order.
    void put_subjects_together() {
        std::map<std::string, std::size_t> ranks{{"target", 0}};
        for (const char* kind : {"interface ", "export "}) {
            for (const Finding& finding : all_) {
                if (finding.subject.starts_with(kind))
                    ranks.try_emplace(finding.subject, ranks.size());
            }
        }
        std::ranges::stable_sort(all_, {}, [&](const Finding& finding) { return ranks.at(finding.subject); });
    }

    const Configuration& configuration_;
    const CheckOptions& options_;
    std::uint32_t memory_alignment_ = aoetarget::sector_bytes;
    std::uint64_t frame_bytes_ = 0;
    std::vector<aoetarget::InterfaceStats> served_;
    Findings all_;
};

} // namespace

Findings check(const Configuration& configuration, const CheckOptions& options) {
    return Check(configuration, options).run();
}

} // namespace cli
