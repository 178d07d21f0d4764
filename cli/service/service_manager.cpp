// Datagrams to $NOTIFY_SOCKET.
#include "service/service_manager.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace cli {
namespace {

/// Returns a connected socket, or -1. A path that begins with @ is an abstract one: unix(7).
int connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return -1;
    path.copy(address.sun_path, path.size());
    if (path.front() == '@')
        address.sun_path[0] = '\0';
    const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), bytes) == 0)
        return fd;
    close(fd);
    return -1;
}

/// Returns half of the time within which the service manager wants a word, or 0.
std::chrono::milliseconds watchdog_interval() {
    const char* microseconds = std::getenv("WATCHDOG_USEC");
    const char* process = std::getenv("WATCHDOG_PID");
    if (microseconds == nullptr || (process != nullptr && std::atol(process) != getpid()))
        return {};
    return std::chrono::milliseconds(std::atoll(microseconds) / 2000);
}

} // namespace

ServiceManager::ServiceManager() {
    if (const char* path = std::getenv("NOTIFY_SOCKET"))
        socket_ = connect_to(path);
}

ServiceManager::~ServiceManager() {
    if (is_there())
        close(socket_);
}

/// Returns false if there is no room now.
bool ServiceManager::send(std::string_view text) const {
    return !is_there() || write(socket_, text.data(), text.size()) >= 0 || errno != EAGAIN;
}

/// A service manager that does not read costs nothing, and one that reads late learns of the last states.
void ServiceManager::tell(std::string text) {
    constexpr std::size_t most_unsent = 16;
    unsent_.push_back(std::move(text));
    if (unsent_.size() > most_unsent)
        unsent_.pop_front();
    tell_unsent();
}

void ServiceManager::tell_unsent() {
    while (!unsent_.empty() && send(unsent_.front()))
        unsent_.pop_front();
    if (unsent_.empty() || targets_ == nullptr || std::exchange(tries_again_, true))
        return;
    (*targets_)[0].call_after(std::chrono::milliseconds(100), [this] {
        tries_again_ = false;
        tell_unsent();
    });
}

void ServiceManager::ready(std::string_view status) {
    tell(fmt::format("READY=1\nSTATUS={}", status));
}

void ServiceManager::reloading() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const auto time = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
    tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                     std::chrono::duration_cast<std::chrono::microseconds>(time).count()));
}

void ServiceManager::stopping() {
    tell("STOPPING=1\nSTATUS=Finishing the requests under way and flushing the disks.");
}

void ServiceManager::watch(TargetThreads& targets) {
    targets_ = &targets;
    interval_ = watchdog_interval();
    if (is_there() && interval_.count() > 0)
        watch_again();
}

void ServiceManager::watch_again() {
    targets_->gather([this](const TargetThreads::AllStats&) {
        // The next one does as well.
        static_cast<void>(unsent_.empty() && send("WATCHDOG=1"));
    });
    (*targets_)[0].call_after(interval_, [this] { watch_again(); });
}

} // namespace cli
