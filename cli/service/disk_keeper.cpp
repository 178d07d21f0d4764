// Starts and ends the process, asks it, and takes what it sends.
#include "service/disk_keeper.hpp"

#include "failure.hpp"
#include "service/lost_disks.hpp"
#include "service/target_threads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace cli {
namespace {

using aoetarget::EventKind;
using aoetarget::Severity;

constexpr int patience_ms = 1000;
constexpr const char* process_does_not_run = "the process for that does not run";

bool is_block_device(const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
}

/// Closes everything but these, and leads the standard streams nowhere: a pipe should end with the process
/// that serves.
void keep_only(std::vector<int> descriptors) {
    if (const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC); nowhere >= 0) {
        for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
            dup2(nowhere, stream);
    }
    std::ranges::sort(descriptors);
    unsigned first = STDERR_FILENO + 1;
    for (const int descriptor : descriptors) {
        const auto kept = static_cast<unsigned>(descriptor);
        if (kept > first)
            close_range(first, kept - 1, 0);
        first = kept + 1;
    }
    close_range(first, ~0U, 0);
}

/// Signals that end the target come to the whole process group, or to all processes of a service. This one
/// ends when the target has ended.
[[noreturn]] void serve_lost_disks(std::vector<KnownDisk> disks, const std::vector<int>& sockets,
                                   pid_t parent) noexcept {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        std::signal(signal, SIG_IGN);
    prctl(PR_SET_NAME, "aoetarget-disks");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) {
        keep_only(sockets);
        LostDisks(std::move(disks), sockets).run();
    }
    _exit(0);
}

} // namespace

DiskKeeper::DiskKeeper(const std::vector<ExportSpec>& exports, std::size_t threads) {
    std::vector<KnownDisk> disks;
    for (const ExportSpec& spec : exports) {
        disks.push_back(look_at(spec));
        numbers_.emplace(spec.options.address, static_cast<std::uint32_t>(exports_.size()));
        exports_.push_back({.address = spec.options.address,
                            .path = spec.path,
                            .is_disk = is_block_device(spec.path),
                            .is_known = !disks.back().identity.empty()});
    }
    if (std::ranges::any_of(exports_, &Export::is_known))
        start(std::move(disks), threads);
}

void DiskKeeper::start(std::vector<KnownDisk> disks, std::size_t threads) {
    std::vector<int> for_process;
    int ends[2];
    while (sockets_.size() < threads && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0) {
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        sockets_.push_back({.own = ends[0], .other = ends[1]});
        for_process.push_back(ends[1]);
    }
    const pid_t parent = getpid();
    const pid_t child = sockets_.size() < threads ? -1 : fork();
    if (child == 0)
        serve_lost_disks(std::move(disks), for_process, parent);
    if (child > 0) {
        process_ = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
        return;
    }
    note_ =
        fmt::format("a disk that vanishes is not taken over by itself when it is back, because the process "
                    "for that could not be started: {}",
                    std::generic_category().message(errno));
}

DiskKeeper::~DiskKeeper() {
    for (const Sockets& sockets : sockets_) {
        close(sockets.own);
        close(sockets.other);
    }
    has_ended(patience_ms);
    close(process_);
}

void DiskKeeper::attach(TargetThreads& targets, Tell tell) {
    targets_ = &targets;
    tell_ = std::move(tell);
    for (std::size_t thread = 0; thread < sockets_.size(); ++thread)
        targets[thread].watch(sockets_[thread].own, [this, thread] { read_reports(thread); });
    if (process_ < 0)
        return;
    for (std::size_t thread = 0; thread < targets.size(); ++thread)
        targets[thread].watch(process_, [this, thread] { take_end_of_process(thread); });
}

void DiskKeeper::on_event(const aoetarget::Event& event) {
    const bool vanished = event.kind == EventKind::device_vanished;
    if (!vanished && event.kind != EventKind::device_recovered)
        return;
    const std::optional<std::uint32_t> number = find(aoetarget::Address::parse(event.subject).value());
    if (number && !exports_[*number].is_disk)
        return;
    std::string reason = "it was opened while the target served";
    if (number && exports_[*number].is_known) {
        const bool is_told = ask(vanished ? DiskRequest::Kind::watch : DiskRequest::Kind::forget, *number);
        exports_[*number].is_lost = vanished && is_told;
        if (is_told)
            return;
        reason = process_does_not_run;
    } else if (number) {
        reason = "it has no UUID, WWN or serial number to know it by";
    }
    if (vanished)
        tell_nobody_looks(event.subject, reason);
}

void DiskKeeper::take_end_of_process(std::size_t thread) {
    (*targets_)[thread].unwatch(process_);
    for (std::size_t number = thread; number < exports_.size(); number += sockets_.size()) {
        if (std::exchange(exports_[number].is_lost, false) && !exports_[number].is_left)
            tell_nobody_looks(to_string(exports_[number].address), process_does_not_run);
    }
}

void DiskKeeper::tell_nobody_looks(const std::string& subject, const std::string& reason) const {
    tell(subject, Severity::warning, EventKind::device_vanished,
         fmt::format("The target does not take it over by itself when it is back, because {}. Restart the "
                     "target then.",
                     reason));
}

void DiskKeeper::leave(const aoetarget::Address& address) {
    const std::optional<std::uint32_t> number = find(address);
    if (!number)
        return;
    exports_[*number].is_left = true;
    if (exports_[*number].is_known)
        ask(DiskRequest::Kind::forget, *number);
}

std::optional<std::uint32_t> DiskKeeper::find(const aoetarget::Address& address) const {
    const auto found = numbers_.find(address);
    if (found == numbers_.end() || exports_[found->second].is_left)
        return {};
    return found->second;
}

/// Returns whether the process will read it.
bool DiskKeeper::ask(DiskRequest::Kind kind, std::uint32_t number) const {
    const DiskRequest request{kind, number};
    return !sockets_.empty() && !has_ended(0) &&
           write(sockets_[number % sockets_.size()].own, &request, sizeof request) == sizeof request;
}

bool DiskKeeper::has_ended(int within_ms) const {
    pollfd ended{.fd = process_, .events = POLLIN, .revents = 0};
    return process_ < 0 || poll(&ended, 1, within_ms) > 0;
}

void DiskKeeper::read_reports(std::size_t thread) {
    while (std::optional<DiskReport> report = receive(sockets_[thread].own)) {
        if (report->exported < exports_.size())
            take(std::move(*report));
    }
}

void DiskKeeper::take(DiskReport report) {
    Export& exported = exports_[report.exported];
    const std::string subject = to_string(exported.address);
    if (exported.is_left) {
        for (const int descriptor : report.device.descriptors)
            close(descriptor);
        return;
    }
    switch (report.kind) {
    case DiskReport::Kind::device:
        exported.is_lost = false;
        try {
            auto device = put_together(report.device);
            targets_->serving(report.exported).replace_device(exported.address, std::move(device));
            tell(subject, Severity::notice, EventKind::device_recovered,
                 fmt::format("Its disk is back: {} names it again, and the target takes it over.",
                             exported.path));
        } catch (const std::system_error& error) {
            tell(
                subject, Severity::error, EventKind::device_vanished,
                fmt::format("Its disk is back, but cannot be taken over: {}. Restart the target to serve it.",
                            message_of(error)));
        }
        return;
    case DiskReport::Kind::other_disk:
        tell(subject, Severity::warning, EventKind::path_replaced,
             fmt::format(
                 "{} The target does not take that one over; 'aoetarget reopen {}' does, if you want it "
                 "to.",
                 report.text, subject));
        return;
    case DiskReport::Kind::refused:
        tell(subject, Severity::warning, EventKind::device_vanished,
             fmt::format("Its disk is back, but cannot be opened: {}. The target tries again.", report.text));
        return;
    }
}

void DiskKeeper::tell(const std::string& subject, Severity severity, EventKind kind, std::string text) const {
    tell_({.severity = severity, .kind = kind, .subject = subject, .text = std::move(text)});
}

} // namespace cli
