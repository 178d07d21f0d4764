// Counts the faults that a simulation inflicts on the target.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace aoesim {

enum class Fault : std::uint8_t {
    request_lost,
    request_duplicated,
    request_late,
    request_truncated,
    request_corrupted,
    reply_lost,
    reply_duplicated,
    reply_late,
    socket_full,
    link_stalled,
    link_down,
    link_replaced,
    mtu_changed,
    loop_delayed,
    disk_error,
    disk_full,
    disk_busy,
    disk_slow,
    disk_vanished,
    disk_hung,
    device_replaced,
    disk_grown,
    access_changed,
    interface_changed,
    state_frozen,
    power_cut,
    restart,
    state_not_saved,
    fence,
    initiator_reboot,
    trim,
    forbidden_trim,
    last,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Fault::last)> fault_names{
    "requests lost",
    "requests duplicated",
    "requests very late",
    "requests truncated",
    "requests corrupted",
    "replies lost",
    "replies duplicated",
    "replies very late",
    "requests at a full socket",
    "links not served for a while",
    "links down",
    "links replaced",
    "MTU changes",
    "loops delayed",
    "disk errors",
    "disks full",
    "disks out of resources",
    "disk operations slow",
    "disks vanished",
    "disks hung",
    "devices replaced",
    "disks grown",
    "exports with other options",
    "interfaces with other options",
    "state directories frozen",
    "power cuts",
    "orderly restarts",
    "states not saved",
    "fences",
    "initiators rebooted",
    "trims",
    "trims that must be refused",
};

struct FaultCounts {
    std::array<std::uint64_t, static_cast<std::size_t>(Fault::last)> counts{};

    void add(Fault fault) { ++counts[static_cast<std::size_t>(fault)]; }
    void add(const FaultCounts& other) {
        for (std::size_t i = 0; i < counts.size(); ++i)
            counts[i] += other.counts[i];
    }
};

} // namespace aoesim
