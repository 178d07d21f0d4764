// Links: network interfaces as the core sees them, and the events that concern them. This layer knows the
// ring and frames in slots, and of exports only their addresses.
//
// This file has the state of an interface, as the kernel tells it.
#pragma once

#include <aoetarget/address.hpp>

#include "net/host_rules.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace aoetarget::net {

struct NetlinkMessage;

struct InterfaceState {
    int index = 0;
    std::string name = {};
    std::vector<std::string> other_names = {}; ///< Alternative names.
    unsigned mtu = 0;
    MacAddress mac = {};
    bool up = false;       ///< It is up administratively.
    bool carrier = false;  ///< It is also able to carry frames.
    bool ethernet = false; ///< Its type has Ethernet frames; the loopback interface counts.
    bool loopback = false;
    std::string kind = {}; ///< "bond", "bridge", "vlan", "veth"; empty for most hardware.
    int lower = 0;         ///< Index of the one interface on top of which this one was made.
    int master = 0;        ///< Index of the bridge, bond or the like of which it is a port.
    /// Name of the master where that takes the interface's frames, which all but a VRF do.
    std::string port_of = {};
    HostRules rules = {}; ///< InterfaceFollower asks for them.

    [[nodiscard]] bool has_name(const std::string& wanted) const;
    /// Returns whether one of its names matches a pattern, as a shell has it.
    [[nodiscard]] bool matches(const std::string& pattern) const;
    /// Returns the name, and then the alternative ones.
    [[nodiscard]] std::vector<std::string> names() const;
};

/// Returns whether a name stands for any number of interfaces.
[[nodiscard]] bool is_pattern(const std::string& name);

/// Returns nothing if no interface has this name, be it an alternative one. Throws std::system_error where
/// the question cannot be asked, as when no descriptor is left.
std::optional<InterfaceState> query_interface(const std::string& name);
/// The same, but throws Target::add_interface()'s std::system_error if a link cannot serve the interface.
InterfaceState query_servable_interface(const std::string& name);
/// The same for the interface with this index, whatever its name is now.
std::optional<InterfaceState> query_interface(int index);
/// All there are. Throws std::system_error as above.
std::vector<InterfaceState> query_interfaces();

/// Whether the interface has no receive queue of its own, but gets what other interfaces receive. Throws
/// std::system_error as above.
bool is_made_of_others(const InterfaceState& interface);

/// Whether the driver drops what it has no room for, instead of leaving it where it was: then AF_XDP gives
/// the frame back as one that was sent.
[[nodiscard]] inline bool drops_when_full(const InterfaceState& interface) {
    return interface.kind == "tun"; // the kind of taps, too
}

/// What a message about an interface says, but for `port_of`: a message names the master by its index only.
/// Empty where the message is about something else.
std::optional<InterfaceState> read_interface(const NetlinkMessage& message);

/// The work that the device does by itself on received frames.
struct Offloads {
    unsigned receive_queues = 1;
    /// The device takes VLAN tags off frames, and reports them beside the frames. (veth says that it does,
    /// but there the far end decides.)
    bool strips_vlan = false;
};

/// Offloads that are unknown count as absent.
Offloads query_offloads(const std::string& name);

} // namespace aoetarget::net
