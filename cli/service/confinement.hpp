// The rights that a serving process gives up once everything is open, so that an attacker who takes it over
// through a frame gains as little as possible.
#pragma once

#include <string>

namespace cli {

/// Gives up all capabilities but CAP_NET_RAW, for this process and for every program that it could start.
/// With CAP_NET_RAW the target can open an interface that comes back, over packet sockets: XDP needs CAP_BPF
/// and CAP_NET_ADMIN, which would be worth more to an attacker than a fast link is to us. Returns the
/// remaining capabilities as human-readable text. Throws std::system_error.
std::string drop_privileges();

/// Allows from now on only the system calls that serving needs, if this program was built with libseccomp. If
/// the target keeps state, that of an export which is added has to be read. Returns human-readable text that
/// tells whether the filter is in place. Throws std::system_error.
std::string filter_system_calls(bool keeps_state);

/// Throws std::system_error if this process cannot write to the directory any more, because it has given up
/// the rights for that. An empty path means that there is no such directory.
void check_state_directory(const std::string& path);

} // namespace cli
