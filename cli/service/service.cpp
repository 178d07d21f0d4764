// The order in which things are opened, confined, run and closed.
#include "service/service.hpp"

#include "exit_code.hpp"
#include "service/confinement.hpp"
#include "service/report.hpp"
#include "service/stop_signals.hpp"
#include "service/target_threads.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <system_error>
#include <thread>

#include <sys/resource.h>

namespace cli {
namespace {

/// The soft limit is 1024 for the sake of select(), which nothing here uses.
void raise_file_limit() {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/// Waits a moment for a file that is in use: the kernel gives back those of a killed predecessor some time
/// after it is gone.
std::unique_ptr<aoetarget::FileDevice> open_when_free(const ExportSpec& spec) {
    for (int tries = 50;; --tries) {
        try {
            return aoetarget::open_file(spec.path, spec.file);
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::device_or_resource_busy || tries == 0)
                throw;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

void open_export(aoetarget::Target& target, const ExportSpec& spec, Report& report) {
    auto device = open_when_free(spec);
    const std::uint64_t sectors = device->geometry().sectors;
    const std::string line = describe_export(spec, sectors, device->mode());
    std::vector<std::string> notes = device->notes();
    if (spec.file.force)
        notes.emplace_back(
            "It was taken by force: any other program that writes to it, above all a mounted file system, "
            "destroys data.");
    for (std::string& note : target.add_export(spec.options, std::move(device)))
        notes.push_back(std::move(note));
    report.add_line(line);
    for (const std::string& note : notes)
        report.add_note(fmt::format("{}: {}", to_string(spec.options.address), note));
}

/// An XDP program hands the frames of an interface to one socket, so one thread has it.
aoetarget::InterfaceOptions options_for(const InterfaceSpec& interface, bool may_have_xdp) {
    aoetarget::InterfaceOptions options = interface.options;
    if (!may_have_xdp)
        options.link = aoetarget::LinkKind::packet;
    return options;
}

void open_all(TargetThreads& targets, const Configuration& configuration, Report& report) {
    for (std::size_t i = 0; i < configuration.exports.size(); ++i)
        open_export(targets[i % targets.size()], configuration.exports[i], report);
    for (std::size_t i = 0; i < configuration.interfaces.size(); ++i) {
        const InterfaceSpec& interface = configuration.interfaces[i];
        for (std::size_t thread = 0; thread < targets.size(); ++thread)
            targets[thread].add_interface(interface.name,
                                          options_for(interface, thread == i % targets.size()));
    }
}

} // namespace

int run_service(const Configuration& configuration) {
    StopSignals signals;           // open for as long as the target lives
    std::signal(SIGPIPE, SIG_IGN); // the reader of our standard error may go away
    raise_file_limit();

    const auto threads = std::min<std::size_t>(configuration.threads, configuration.exports.size());
    if (threads < configuration.threads)
        say(fmt::format("note: {} of {} threads started, because one thread serves an export\n", threads,
                        configuration.threads));
    TargetThreads targets(configuration.target, threads);
    targets[0].watch(signals.fd(), [&] {
        if (!signals.read_all())
            return;
        targets.stop();
        signals.let_kill();
    });
    Report report;
    open_all(targets, configuration, report);

    const auto listening = [&](const TargetThreads::Interfaces& interfaces) {
        report.add_interfaces(interfaces);
        report.add_line(targets[0].features());
        const std::string privileges = drop_privileges();
        check_state_directory(configuration.target.state_directory);
        report.add_line(fmt::format("{}; {}", privileges, filter_system_calls()));
        for (const std::string& note : configuration.notes)
            report.add_note(note);
        say(report.text());
    };
    const auto confine = [] { // every thread has rights of its own
        drop_privileges();
        filter_system_calls();
    };
    signals.take_over();
    targets.run(listening, confine, [&] { signals.let_kill(); });
    bool lost = false;
    for (std::size_t i = 0; i < targets.size(); ++i)
        lost |= say_losses(targets[i]);
    return lost ? exit_failed : 0;
}

} // namespace cli
