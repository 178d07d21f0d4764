// Opens, confines, runs and closes everything in the right order.
#include "service/service.hpp"

#include "config/difference.hpp"
#include "control/control_socket.hpp"
#include "control/server.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "file_limit.hpp"
#include "service/advice.hpp"
#include "service/confinement.hpp"
#include "service/disk_keeper.hpp"
#include "service/event_printer.hpp"
#include "service/handed_files.hpp"
#include "service/joined_stats.hpp"
#include "service/memory_lock.hpp"
#include "service/refusals.hpp"
#include "service/report.hpp"
#include "service/rivals.hpp"
#include "service/service_manager.hpp"
#include "service/stop_signals.hpp"
#include "service/target_session.hpp"
#include "service/target_threads.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>

#include <unistd.h>

namespace cli {
namespace {

using Deadline = std::chrono::steady_clock::time_point;

/// Takes the file that was handed over, or opens one. Waits a moment if it is in use: the kernel releases the
/// files and locks of a killed predecessor some time after it is gone.
std::unique_ptr<aoetarget::FileDevice> open_when_free(const ExportSpec& spec, HandedFiles& handed,
                                                      Deadline give_up) {
    for (;;) {
        try {
            auto device = handed.take(spec);
            return device != nullptr ? std::move(device) : aoetarget::open_file(spec.path, spec.file);
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::device_or_resource_busy ||
                std::chrono::steady_clock::now() >= give_up)
                throw;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

void open_export(aoetarget::Target& target, const ExportSpec& spec, HandedFiles& handed, Deadline give_up,
                 Report& report) {
    auto device = open_when_free(spec, handed, give_up);
    const std::uint64_t sectors = device->geometry().sectors;
    const std::string line = describe_export(spec, sectors, device->mode());
    std::vector<std::string> notes = device->notes();
    for (std::string& note : advice_on(spec, sectors))
        notes.push_back(std::move(note));
    for (std::string& note : target.add_export(spec.options, std::move(device)))
        notes.push_back(std::move(note));
    report.add_line(line);
    for (const std::string& note : notes)
        report.add_note(fmt::format("{}: {}", to_string(spec.options.address), note));
}

/// Throws StartError with all that cannot be opened.
void open_all(TargetThreads& targets, const Configuration& configuration, HandedFiles& handed,
              Report& report) {
    refuse_rivals(configuration.exports);
    Refusals refusals;
    const Deadline give_up = std::chrono::steady_clock::now() + std::chrono::seconds(1); // for all together
    for (std::size_t i = 0; i < configuration.exports.size(); ++i) {
        const ExportSpec& spec = configuration.exports[i];
        refusals.attempt(to_string(spec.options.address),
                         [&] { open_export(targets.serving(i), spec, handed, give_up, report); });
    }
    const std::vector<InterfaceSpec>& interfaces = configuration.interfaces; // sorted: names before patterns
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
        for (const std::string& note : advice_on(interfaces[i]))
            report.add_note(fmt::format("{}: {}", interfaces[i].name, note));
        refusals.attempt(entry_name(interfaces[i]), [&] {
            for (std::size_t thread = 0; thread < targets.size(); ++thread)
                with_interface([&] {
                    targets[thread].add_interface(interfaces[i].name,
                                                  targets.options_for(thread, i, interfaces[i].options),
                                                  handed.take(interfaces[i], targets.size()));
                });
        });
    }
    refusals.throw_if_any();
}

/// Returns null, with a note, if the socket cannot be made at a place that nobody has asked for.
std::unique_ptr<ControlSocket> open_control(const ControlPlace& place, Report& report) {
    if (place.path.empty())
        return nullptr;
    try {
        return std::make_unique<ControlSocket>(place.path);
    } catch (const std::system_error& error) {
        if (place.is_demanded || error.code() == std::errc::address_in_use)
            throw;
        report.add_note(
            fmt::format("'aoetarget status' and the like cannot reach this target: {}", message_of(error)));
        return nullptr;
    }
}

/// The order of the members is that in which things are made, and ended the other way round.
class Service {
  public:
    Service(const Configuration& configuration, const std::vector<std::string>& notes,
            const ControlPlace& control, std::size_t open_files)
        : configuration_(configuration), notes_(notes), control_(control),
          control_socket_(open_control(control, report_)), targets_(target_options(), threads_),
          budget_(std::make_shared<Budget>(Budget{limits_within(open_files)})) {
        if (threads_ < configuration.target.threads)
            say(Priority::notice,
                fmt::format("note: {} of {} threads started, because one thread serves an export\n", threads_,
                            configuration.target.threads));
        keeper_.attach(targets_, [this](const aoetarget::Event& event) { events_.print(event); });
        targets_[0].watch(signals_.fd(), [this] { take_signals(); });
        if (control_socket_ != nullptr)
            server_.emplace(
                targets_[0], *control_socket_, [this] { return std::make_unique<TargetSession>(running_); },
                ControlServer::Limits{});
    }

    /// Returns the exit code.
    int run() {
        open_all(targets_, configuration_, handed_, report_);
        if (!keeper_.note().empty())
            report_.add_note(keeper_.note());
        signals_.take_over();
        targets_.run([this](const TargetThreads::AllStats& threads) { begin(join(threads)); },
                     [this] { // every thread has rights of its own
                         drop_privileges();
                         filter_system_calls(keeps_state_);
                     },
                     [this] { signals_.let_kill(); });
        bool lost = false;
        for (std::size_t i = 0; i < targets_.size(); ++i)
            lost |= say_losses(targets_[i]);
        return lost ? exit_failed : 0;
    }

  private:
    aoetarget::TargetOptions target_options() {
        const TargetSpec& target = configuration_.target;
        if (keeps_state_ && access(target.state_directory.c_str(), F_OK) != 0)
            report_.add_note(fmt::format("made the directory {}", target.state_directory));
        aoetarget::TargetOptions options{.state_directory = target.state_directory,
                                         .busy_poll = target.busy_poll};
        options.on_event = [this](const aoetarget::Event& event) {
            events_.print(event);
            keeper_.on_event(event);
        };
        return options;
    }

    /// Every target listens. What needs rights has been done.
    void begin(const aoetarget::Stats& stats) {
        report_.add_interfaces(stats.interfaces);
        for (const std::string& name : stats.waited_for)
            report_.add_waited_for(name);
        report_.add_line(targets_[0].features());
        const std::string memory = lock_memory();
        allow_locked_memory();
        const std::string privileges = drop_privileges();
        check_state_directory(configuration_.target.state_directory);
        report_.add_line(fmt::format("{}; {}; {}", privileges, filter_system_calls(keeps_state_), memory));
        for (const std::string& note : notes_)
            report_.add_note(note);
        report_.say();
        manager_.ready(sentence());
        manager_.watch(targets_);
    }

    [[nodiscard]] std::string sentence() const {
        const Configuration& now = running_configuration_.now();
        return fmt::format("Serving {} on {}.", counted(now.exports.size(), "export"),
                           counted(now.interfaces.size(), "interface"));
    }

    /// What a service manager or a log rotation sends asks for a reload, and never for the end.
    void take_signals() {
        const StopSignals::Arrived arrived = signals_.read_all();
        const bool reloads = !control_.file.empty() || manager_.is_there();
        if (arrived.end || (arrived.hang_up && !reloads))
            stop();
        else if (arrived.hang_up)
            events_.print(
                aoetarget::Severity::notice, "SIGHUP",
                "This process may open nothing any more, so it reads its configuration file only with "
                "'aoetarget reload'.");
    }

    void stop() {
        manager_.stopping();
        targets_.stop();
        signals_.let_kill();
    }

    const Configuration& configuration_;
    const std::vector<std::string>& notes_;
    const ControlPlace& control_;
    const bool keeps_state_ = !configuration_.target.state_directory.empty();
    const std::size_t threads_ =
        std::min<std::size_t>(configuration_.target.threads, configuration_.exports.size());
    HandedFiles handed_{configuration_};
    DiskKeeper keeper_{configuration_.exports, threads_}; ///< Its process inherits nothing that comes later.
    ServiceManager manager_;
    StopSignals signals_;
    Report report_;
    std::unique_ptr<ControlSocket> control_socket_;
    EventPrinter events_;
    TargetThreads targets_;
    RunningConfiguration running_configuration_{
        targets_, configuration_, [this](const aoetarget::Address& address) { keeper_.leave(address); }};
    const std::shared_ptr<Budget> budget_;
    const RunningTarget running_{targets_,
                                 running_configuration_,
                                 control_.name,
                                 std::chrono::system_clock::now(),
                                 control_.file,
                                 control_.arguments,
                                 control_.folder,
                                 [this] { manager_.reloading(); },
                                 [this] { manager_.ready(sentence()); },
                                 [this] { stop(); },
                                 budget_};
    std::optional<ControlServer> server_;
};

} // namespace

int run_service(const Configuration& configuration, const std::vector<std::string>& notes,
                const ControlPlace& control) {
    const std::size_t open_files = raise_file_limit();
    std::signal(SIGPIPE, SIG_IGN); // the reader of our standard error may go away
    return Service(configuration, notes, control, open_files).run();
}

} // namespace cli
