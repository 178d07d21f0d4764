// What the kernel tells of XDP on an interface before a program is attached.
#pragma once

#include <optional>

namespace aoetarget::net {

/// Returns whether the driver can run a program that hands frames to AF_XDP, or nothing if the kernel does
/// not tell (before Linux 6.3). Throws std::system_error if no descriptor is left to ask with.
std::optional<bool> has_native_xdp(int interface_index);

/// Returns whether a program is attached to the interface now. Throws std::system_error as above.
bool has_xdp_program(int interface_index);

} // namespace aoetarget::net
