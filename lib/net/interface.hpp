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
};

/// Empty where there is no interface of this name. Never blocks. Throws std::system_error only if there is no
/// network at all.
std::optional<InterfaceState> query_interface(const std::string& name);

} // namespace aoetarget::net
