// Where the control socket of a target is, and how both sides come to it.
#pragma once

#include "control/descriptor.hpp"
#include "failure.hpp"

#include <chrono>
#include <cstddef>
#include <string>

namespace cli {

/// The longest packet in bytes, in both directions.
inline constexpr std::size_t max_control_bytes = std::size_t{256} * 1024;

/// Returns the path for the target with this name: in $RUNTIME_DIRECTORY, where systemd sets that, else in
/// /run/aoetarget. Throws UsageError for a name that no target can have.
std::string control_path(const std::string& name);

/// The listening end. While it lives, no other target can have the path.
class ControlSocket {
  public:
    /// Makes the socket, and the directory that it lies in. Waits up to a second for a predecessor that was
    /// killed a moment ago. Throws std::system_error, with EADDRINUSE if a living target has it.
    explicit ControlSocket(const std::string& path);
    /// Removes the socket, if this process still may.
    ~ControlSocket();
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;

    /// Returns a non-blocking descriptor to accept connections from.
    [[nodiscard]] int fd() const { return listening_.number(); }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
    Descriptor lock_;
    Descriptor listening_;
};

/// Lets an end of a connection send the longest packet: the kernel takes none that is larger than the
/// sender's buffer.
void make_room_for_packets(int socket);

/// Connects to a target. Throws Failure (failure.hpp) with exit_not_found if there is none. Every call that
/// waits for the target, this one and those on the socket, fails after `patience` (EAGAIN); 0 is never.
Descriptor connect_to_target(const std::string& path, std::chrono::milliseconds patience = {});

/// Whether somebody accepts connections to this socket at once.
bool is_listened_to(const std::string& path);

/// Returns the failure of a target whose time has passed.
Failure no_answer(const std::string& path);

/// Returns why a control socket cannot take the place of what has this path, or nothing.
std::string obstacle_to_socket(const std::string& path);

} // namespace cli
