// What a process that serves gives up once everything is open: whoever takes it over through a frame should
// gain as little as possible.
#pragma once

#include <string>

namespace cli {

/// Keeps of all capabilities only CAP_NET_RAW, with which an interface that comes back is opened again: over
/// packet sockets, for XDP takes CAP_BPF and CAP_NET_ADMIN, which are worth more to whoever gets in than a
/// fast lane is to us. For good: also for whatever this process would start. Returns what is left, in a few
/// words for people. Throws std::system_error.
std::string drop_privileges();

/// From now on only the system calls that serving takes do anything, where this program was built with
/// libseccomp. Returns what holds now, in a few words for people. Throws std::system_error.
std::string filter_system_calls();

} // namespace cli
