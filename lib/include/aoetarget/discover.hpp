// The initiator's view, for tools: who answers on a network?
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
    /// As stored in the target: arbitrary bytes.
    std::string config_string;
    /// From IDENTIFY DEVICE; empty and 0 where the target did not answer it.
    std::uint64_t sectors = 0;
    std::string model;
    std::string serial;
};

/// Asks every target on the interface's network and collects answers until `timeout` is over. Blocks; needs
/// CAP_NET_RAW. Sorted by address, then MAC; one entry for each pair of them. Throws std::system_error.
std::vector<DiscoveredTarget> discover(const std::string& interface, std::chrono::milliseconds timeout);

} // namespace aoetarget
#pragma GCC visibility pop
