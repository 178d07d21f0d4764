// Links: network interfaces as the core sees them, and the events that concern them. This layer knows the
// ring and frames in slots, and nothing of exports.
//
// This file: what the kernel says of an interface.
#pragma once

#include <aoetarget/address.hpp>

#include <optional>
#include <string>

namespace aoetarget::net {

struct InterfaceState {
    int index = 0;
    unsigned mtu = 0;
    MacAddress mac;
    bool up = false;       ///< Administratively.
    bool carrier = false;  ///< And able to carry frames.
    bool ethernet = false; ///< Of a type that has Ethernet frames; the loopback interface counts.
    bool loopback = false;
};

/// What the device does on its own with what it receives.
struct Offloads {
    unsigned receive_queues = 1;
    /// Takes VLAN tags off frames, and tells of it beside them. (veth says that it does; there it is the far
    /// end that does or does not.)
    bool strips_vlan = false;
};

/// Empty where there is no interface of this name. Never blocks. Throws std::system_error only if there is no
/// network at all.
std::optional<InterfaceState> query_interface(const std::string& name);

/// What is not known is taken to be absent.
Offloads query_offloads(const std::string& name);

} // namespace aoetarget::net
