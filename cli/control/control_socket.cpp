// Binds and connects the socket: unix(7). A lock beside it tells whether its target lives.
#include "control/control_socket.hpp"

#include "control/other_targets.hpp"
#include "exit_code.hpp"
#include "systemd_directory.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace cli {
namespace {

constexpr int backlog = 16;
constexpr int socket_type = SOCK_SEQPACKET | SOCK_CLOEXEC;

[[noreturn]] void fail(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        throw UsageError(
            fmt::format("the control socket cannot have the path '{}'; write one of 1 to {} bytes",
                        printable(path), sizeof address.sun_path - 1));
    path.copy(address.sun_path, path.size());
    return address;
}

/// Only its user and root may use what is made there, whatever the umask is.
void make_directory(const std::filesystem::path& directory) {
    std::error_code error;
    if (directory.empty() || std::filesystem::is_directory(directory, error))
        return;
    if (mkdir(directory.c_str(), 0755) < 0 && errno != EEXIST)
        fail(errno,
             fmt::format("{}: cannot make the directory of the control socket; choose another place with "
                         "--control PATH, or none with --control none",
                         directory.string()));
}

/// A target that did not end in order, or could not remove its socket, has left it.
void remove_left_over(const std::string& path) {
    if (const std::string obstacle = obstacle_to_socket(path); !obstacle.empty())
        fail(EEXIST, obstacle);
    unlink(path.c_str());
}

/// The lock ends with the process that holds it, however that ends.
Descriptor lock(const std::string& path) {
    Descriptor file(open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.is_open())
        fail(errno, fmt::format(
                        "{}: cannot make the lock of the control socket; choose another place with --control "
                        "PATH, or none with --control none",
                        path + ".lock"));
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (flock(file.number(), LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            fail(errno, fmt::format("{}: cannot lock the file", path + ".lock"));
        if (std::chrono::steady_clock::now() >= give_up)
            fail(EADDRINUSE,
                 fmt::format("{}: a target runs with this control socket; change that one with 'aoetarget "
                             "add', or give this one a name of its own with --name",
                             path));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return file;
}

/// The kernel lets connect(2) on a Unix socket wait as long as a call that sends.
void limit_waiting(int socket, std::chrono::milliseconds patience) {
    const timeval time{.tv_sec = patience.count() / 1000, .tv_usec = patience.count() % 1000 * 1000};
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
}

} // namespace

std::string obstacle_to_socket(const std::string& path) {
    struct stat status {};
    if (lstat(path.c_str(), &status) < 0 || S_ISSOCK(status.st_mode))
        return {};
    return fmt::format("{}: this is no socket, so it stays as it is; choose another place for the control "
                       "socket with --control PATH",
                       path);
}

std::string control_path(const std::string& name) {
    const bool is_possible =
        !name.empty() && name.front() != '.' && std::ranges::all_of(name, [](unsigned char c) {
            return std::isalnum(c) != 0 || std::strchr("._@-", c) != nullptr;
        });
    if (!is_possible)
        throw UsageError(fmt::format("a target cannot have the name '{}'; write letters, digits and any of . "
                                     "_ @ -, but no dot at its beginning",
                                     printable(name)));
    const std::string directory = systemd_directory("RUNTIME_DIRECTORY");
    return fmt::format("{}/{}.sock", directory.empty() ? "/run/aoetarget" : directory, name);
}

ControlSocket::ControlSocket(const std::string& path) : path_(path) {
    const sockaddr_un address = address_of(path);
    make_directory(std::filesystem::path(path).parent_path());
    lock_ = lock(path);
    remove_left_over(path);
    listening_ = Descriptor(socket(AF_UNIX, socket_type | SOCK_NONBLOCK, 0));
    const auto* bound = reinterpret_cast<const sockaddr*>(&address);
    if (!listening_.is_open() || bind(listening_.number(), bound, sizeof address) < 0 ||
        chmod(path.c_str(), 0600) < 0 || listen(listening_.number(), backlog) < 0)
        fail(errno,
             fmt::format(
                 "{}: cannot make the control socket; choose another place with --control PATH, or none "
                 "with --control none",
                 path));
}

ControlSocket::~ControlSocket() {
    unlink(path_.c_str());
}

void make_room_for_packets(int socket) {
    const int bytes = max_control_bytes;
    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

bool is_listened_to(const std::string& path) {
    sockaddr_un address{};
    if (path.size() >= sizeof address.sun_path)
        return false;
    address = address_of(path);
    const Descriptor connection(socket(AF_UNIX, socket_type | SOCK_NONBLOCK, 0));
    return connect(connection.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

Failure no_answer(const std::string& path) {
    return {exit_failed, fmt::format("{}: the target does not answer in time", path)};
}

Descriptor connect_to_target(const std::string& path, std::chrono::milliseconds patience) {
    const sockaddr_un address = address_of(path);
    Descriptor connection(socket(AF_UNIX, socket_type, 0));
    if (!connection.is_open())
        fail(errno, "cannot make a socket");
    make_room_for_packets(connection.number());
    limit_waiting(connection.number(), patience);
    if (connect(connection.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return connection;
    const int error = errno;
    if (error == ENOENT || error == ECONNREFUSED) {
        const std::string others = other_targets(path);
        throw Failure(
            exit_not_found,
            fmt::format("no target runs with the control socket {}; start one with 'aoetarget serve', or say "
                        "which you mean with --name or --control{}{}",
                        path, others.empty() ? "" : "; ", others));
    }
    if (error == EACCES || error == EPERM)
        throw Failure(
            exit_no_permission,
            fmt::format("{}: only root and the user who runs the target may control it; use sudo", path));
    if (error == EAGAIN)
        throw no_answer(path);
    fail(error, fmt::format("{}: cannot connect to the target", path));
}

} // namespace cli
