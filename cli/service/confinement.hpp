// The rights that a serving process gives up once everything is open, so that an attacker who takes it over
// through a frame gains as little as possible.
#pragma once

#include <string>

namespace cli {

/// Gives up all capabilities but CAP_NET_RAW, for this process and for every program that it could start.
/// With CAP_NET_RAW an interface that comes back is opened again, over packet sockets: XDP takes CAP_BPF and
/// CAP_NET_ADMIN, which are worth more to an attacker than a fast link is to us. Returns the remaining
/// capabilities as a text for people. Throws std::system_error.
std::string drop_privileges();

/// Allows only the system calls that serving takes from now on, if this program was built with libseccomp.
/// Returns as a text for people whether the filter is in place. Throws std::system_error.
std::string filter_system_calls();

/// Throws std::system_error if this process cannot write to the directory any more: the rights with which it
/// could may have been given up. An empty path means that there is no such directory.
void check_state_directory(const std::string& path);

} // namespace cli
