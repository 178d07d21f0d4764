#include "service/service.hpp"

#include "exit_code.hpp"
#include "service/confinement.hpp"
#include "service/target_threads.hpp"
#include "text.hpp"
#include "usage_error.hpp"
#include "verbs/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace cli {
namespace {

/// SIGTERM, SIGINT and SIGHUP as a file descriptor that the target's ring waits on: no handler ever runs.
/// Until take_over() they end the process: what it waits for then may never come, and there is nothing to
/// finish.
class StopSignals {
  public:
    StopSignals() {
        sigemptyset(&signals_);
        sigaddset(&signals_, SIGTERM);
        for (const int signal : {SIGINT, SIGHUP}) { // a terminal that is gone is no reason to lose a cache
            if (!is_ignored(signal))
                sigaddset(&signals_, signal);
        }
        fd_ = signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd_ < 0)
            throw std::system_error(errno, std::generic_category(), "cannot watch for signals");
    }
    ~StopSignals() { close(fd_); }
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    [[nodiscard]] int fd() const { return fd_; }

    /// Before the first request is taken, and before there are other threads.
    void take_over() { sigprocmask(SIG_BLOCK, &signals_, nullptr); }

    /// The first signal asks for an orderly end. What comes together with it (a terminal that is closed sends
    /// SIGHUP twice) adds nothing to that.
    void handle(TargetThreads& targets) {
        bool any = false;
        signalfd_siginfo signal{};
        while (read(fd_, &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal))
            any = true;
        if (!any)
            return;
        targets.stop();
        let_kill();
    }

    /// From here on SIGTERM and SIGINT do not wait for anything, since a disk may never answer: the kernel
    /// ends this process.
    void let_kill() {
        sigset_t impatient;
        sigemptyset(&impatient);
        sigaddset(&impatient, SIGTERM);
        sigaddset(&impatient, SIGINT);
        sigprocmask(SIG_UNBLOCK, &impatient, nullptr);
    }

  private:
    /// By nohup, or in the background of a script.
    static bool is_ignored(int signal) {
        struct sigaction action {};
        return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
    }

    sigset_t signals_{};
    int fd_ = -1;
};

/// The soft limit is 1024 for the sake of select(), which nothing here uses.
void raise_file_limit() {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

struct Report {
    std::string lines;
    std::string notes;

    void add_line(std::string_view line) { lines += fmt::format("{}\n", line); }
    void add_note(std::string_view note) { notes += fmt::format("note: {}\n", single_line(note)); }
};

/// Waits a moment for what is in use: a killed predecessor's files are given back some time after it is gone.
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
        notes.emplace_back("It was taken by force: whatever else writes to it, a mounted file system above "
                           "all, destroys data.");
    for (std::string& note : target.add_export(spec.options, std::move(device)))
        notes.push_back(std::move(note));
    report.add_line(line);
    for (const std::string& note : notes)
        report.add_note(fmt::format("{}: {}", to_string(spec.options.address), note));
}

/// What `threads` have of one interface: it differs only in the link, of which each has its own.
aoetarget::InterfaceStats join(const TargetThreads::Interfaces& threads, std::size_t interface) {
    aoetarget::InterfaceStats joined = threads.front()[interface];
    std::string links;
    for (std::size_t i = 0; i < threads.size(); ++i)
        links += fmt::format("{}thread {}: {}", i == 0 ? "" : ", ", i + 1, threads[i][interface].link);
    if (threads.size() > 1)
        joined.link = links;
    return joined;
}

void report_interfaces(const TargetThreads::Interfaces& threads, Report& report) {
    for (std::size_t i = 0; i < threads.front().size(); ++i) {
        const aoetarget::InterfaceStats interface = join(threads, i);
        report.add_line(describe_interface(interface));
        if (!interface.up)
            report.add_note(
                fmt::format("{0} has no link now; it is served as soon as it has one (is it up, and is "
                            "the other end? 'ip link set {0} up')",
                            interface.name));
        else if (interface.sectors_per_frame == 0)
            report.add_note(fmt::format(
                "{0} cannot carry a sector; raise its MTU, for example 'ip link set {0} mtu 1500'",
                interface.name));
    }
}

/// The rights that made it writable before may have been given up.
void check_state_directory(const std::string& path) {
    if (!path.empty() && faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) < 0)
        throw std::system_error(
            errno, std::generic_category(),
            fmt::format("{}: this user cannot keep the state of exports in it; 'chown' it to the "
                        "user who runs this",
                        path));
}

/// An XDP program hands the frames of an interface to one socket, so one thread has it.
aoetarget::InterfaceOptions options_for(const InterfaceSpec& interface, bool may_have_xdp) {
    aoetarget::InterfaceOptions options = interface.options;
    if (!may_have_xdp)
        options.link = aoetarget::LinkKind::packet;
    return options;
}

/// At the end: whether the disks have all that was answered.
bool report_losses(const aoetarget::Target& target) {
    bool lost = false;
    for (const aoetarget::ExportStats& exported : target.stats().exports) {
        if (exported.flush_errors == 0)
            continue;
        say(fmt::format("aoetarget: {}: {} of its flushes failed: writes that were answered may be lost; "
                        "check the disk\n",
                        to_string(exported.address), exported.flush_errors));
        lost = true;
    }
    return lost;
}

template <typename Range, typename Projection>
auto find_twice(const Range& range, Projection projection) {
    for (auto one = range.begin(); one != range.end(); ++one) {
        const auto same = [&](const auto& other) { return projection(other) == projection(*one); };
        if (std::find_if(range.begin(), one, same) != one)
            return one;
    }
    return range.end();
}

/// Empty where the value is not one of the option's.
std::optional<unsigned> parse_sectors_per_frame(const std::string& value) {
    if (value == "auto")
        return 0U;
    unsigned sectors = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), sectors);
    if (error != std::errc() || end != value.data() + value.size() || sectors < 1 || sectors > 255)
        return std::nullopt;
    return sectors;
}

std::optional<aoetarget::LinkKind> parse_link_kind(const std::string& value) {
    using aoetarget::LinkKind;
    if (value == "auto")
        return LinkKind::automatic;
    if (value == "packet")
        return LinkKind::packet;
    if (value == "xdp")
        return LinkKind::xdp;
    return std::nullopt;
}

/// Returns whether it is one.
bool set_interface_option(aoetarget::InterfaceOptions& options, const std::string& key,
                          const std::string& value) {
    const auto set = [](auto& option, const auto& parsed) {
        if (parsed)
            option = *parsed;
        return parsed.has_value();
    };
    return (key == "link" && set(options.link, parse_link_kind(value))) ||
           (key == "sectors-per-frame" && set(options.sectors_per_frame, parse_sectors_per_frame(value)));
}

} // namespace

InterfaceSpec parse_interface_spec(const std::string& text) {
    std::istringstream parts(text + ',');
    InterfaceSpec spec;
    std::getline(parts, spec.name, ',');
    check_interface_name(spec.name);
    std::set<std::string> given;
    for (std::string option; std::getline(parts, option, ',');) {
        const std::size_t equals = std::min(option.find('='), option.size());
        const std::string key = option.substr(0, equals);
        if (!set_interface_option(spec.options, key, option.substr(std::min(equals + 1, option.size()))))
            throw UsageError(
                fmt::format("interface '{}': '{}' is no option; allowed: link=auto, link=packet, "
                            "link=xdp, sectors-per-frame=auto, sectors-per-frame=1 to 255",
                            printable(spec.name), printable(option)));
        if (!given.insert(key).second)
            throw UsageError(
                fmt::format("interface '{}': the option {} is given twice", printable(spec.name), key));
    }
    return spec;
}

void check_service(const Service& service) {
    if (service.interfaces.empty())
        throw UsageError(
            "no network interface: nothing to serve on; add -i IF (list them with 'ip -br link')");
    if (service.exports.empty())
        throw UsageError(
            "no export: nothing to serve; add -e SHELF.SLOT=PATH, for example -e 1.1=/srv/disk.img");

    const auto interface =
        find_twice(service.interfaces, [](const InterfaceSpec& spec) { return spec.name; });
    if (interface != service.interfaces.end())
        throw UsageError(fmt::format("interface '{0}': given twice; keep one '-i {0}'", interface->name));
    const auto address = [](const ExportSpec& spec) { return spec.options.address; };
    const auto spec = find_twice(service.exports, address);
    if (spec != service.exports.end())
        throw UsageError(fmt::format("export {}: two exports have this address; give '{}' another one",
                                     to_string(spec->options.address), printable(spec->path)));
}

std::string describe_export(const ExportSpec& spec, std::uint64_t sectors, std::string_view mode) {
    const bool add_read_only = spec.file.read_only && mode.find("read-only") == std::string_view::npos;
    return fmt::format("{}: {}, {} ({} {}), {}{}", to_string(spec.options.address), single_line(spec.path),
                       human_size(sectors * aoetarget::sector_bytes), sectors,
                       sectors == 1 ? "sector" : "sectors", mode, add_read_only ? ", read-only" : "");
}

std::string describe_interface(const aoetarget::InterfaceStats& interface) {
    return fmt::format("{}: {}, MTU {}, {} {} per frame{}, {}", interface.name, to_string(interface.mac),
                       interface.mtu, interface.sectors_per_frame,
                       interface.sectors_per_frame == 1 ? "sector" : "sectors", interface.up ? "" : ", down",
                       interface.link);
}

int run_service(const Service& service) {
    StopSignals signals;           // open for as long as the target lives
    std::signal(SIGPIPE, SIG_IGN); // whoever reads our standard error may go away
    raise_file_limit();

    const auto threads = std::min<std::size_t>(service.threads, service.exports.size());
    if (threads < service.threads)
        say(fmt::format("note: {} of {} threads started: an export is served by one\n", threads,
                        service.threads));
    TargetThreads targets(service.target, threads);
    targets[0].watch(signals.fd(), [&] { signals.handle(targets); });
    Report report;
    for (std::size_t i = 0; i < service.exports.size(); ++i)
        open_export(targets[i % targets.size()], service.exports[i], report);
    for (std::size_t i = 0; i < service.interfaces.size(); ++i) {
        for (std::size_t thread = 0; thread < targets.size(); ++thread)
            targets[thread].add_interface(service.interfaces[i].name,
                                          options_for(service.interfaces[i], thread == i % targets.size()));
    }

    const auto listening = [&](const TargetThreads::Interfaces& interfaces) {
        report_interfaces(interfaces, report);
        report.add_line(targets[0].features());
        const std::string privileges = drop_privileges();
        check_state_directory(service.target.state_directory);
        report.add_line(fmt::format("{}; {}", privileges, filter_system_calls()));
        for (const std::string& note : service.notes)
            report.add_note(note);
        say(report.notes + report.lines);
    };
    const auto confine = [] { // every thread has rights of its own
        drop_privileges();
        filter_system_calls();
    };
    signals.take_over();
    targets.run(listening, confine, [&] { signals.let_kill(); });
    bool lost = false;
    for (std::size_t i = 0; i < targets.size(); ++i)
        lost |= report_losses(targets[i]);
    return lost ? exit_failed : 0;
}

} // namespace cli
