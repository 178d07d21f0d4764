// Discovery from the initiator's side, for tools: it lists the targets that answer on a network.
#pragma once

#include <aoetarget/address.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace aoetarget {

struct DiscoveredTarget {
    Address address;
    MacAddress mac;
    unsigned sectors_per_frame = 0;
    unsigned buffer_count = 0;
    unsigned firmware_version = 0;
    /// The bytes that the target stores, up to 1024. They may be anything.
    std::string config_string;
    /// Capacity in sectors of 512 bytes. IDENTIFY DEVICE gives this, `model` and `serial`; if the target did
    /// not answer it, they are 0 and empty.
    std::uint64_t sectors = 0;
    std::string model;
    std::string serial;
};

/// Asks every target on the interface's network and collects answers until `timeout` is over. It blocks for
/// all of that time, and needs CAP_NET_RAW. The list has one entry for each pair of address and MAC address,
/// sorted by address, then by MAC address. Throws std::system_error with the interface, the cause and the
/// cure.
std::vector<DiscoveredTarget> discover(const std::string& interface, std::chrono::milliseconds timeout);

} // namespace aoetarget
#pragma GCC visibility pop
