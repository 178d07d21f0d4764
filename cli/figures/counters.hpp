// The counters of the library with their names in JSON. All that is done to each of them goes by these
// tables.
#pragma once

#include <aoetarget/stats.hpp>

#include <array>
#include <cstdint>

namespace cli {

template <typename Stats>
struct Counter {
    const char* key;
    std::uint64_t Stats::*member;
};
// clang learns this by itself with version 17.
template <typename Stats>
Counter(const char*, std::uint64_t Stats::*) -> Counter<Stats>;

inline constexpr std::array interface_counters{
    Counter{"rx-frames", &aoetarget::InterfaceStats::rx_frames},
    Counter{"rx-dropped", &aoetarget::InterfaceStats::rx_dropped},
    Counter{"rx-oversized", &aoetarget::InterfaceStats::rx_oversized},
    Counter{"rx-starved", &aoetarget::InterfaceStats::rx_starved},
    Counter{"rx-ignored", &aoetarget::InterfaceStats::rx_ignored},
    Counter{"tx-frames", &aoetarget::InterfaceStats::tx_frames},
    Counter{"tx-errors", &aoetarget::InterfaceStats::tx_errors},
    Counter{"tx-retries", &aoetarget::InterfaceStats::tx_retries},
};

/// `in_flight`, which is none, is among them. The sectors read and written are not: they become bytes.
inline constexpr std::array export_counters{
    Counter{"reads", &aoetarget::ExportStats::reads},
    Counter{"writes", &aoetarget::ExportStats::writes},
    Counter{"flushes", &aoetarget::ExportStats::flushes},
    Counter{"discards", &aoetarget::ExportStats::discards},
    Counter{"other-commands", &aoetarget::ExportStats::other_commands},
    Counter{"device-operations", &aoetarget::ExportStats::device_operations},
    Counter{"read-ahead", &aoetarget::ExportStats::read_ahead},
    Counter{"duplicates", &aoetarget::ExportStats::duplicates},
    Counter{"ordered", &aoetarget::ExportStats::ordered},
    Counter{"patched", &aoetarget::ExportStats::patched},
    Counter{"ata-errors", &aoetarget::ExportStats::ata_errors},
    Counter{"aoe-errors", &aoetarget::ExportStats::aoe_errors},
    Counter{"flush-errors", &aoetarget::ExportStats::flush_errors},
    Counter{"dropped", &aoetarget::ExportStats::dropped},
    Counter{"overload", &aoetarget::ExportStats::overload},
    Counter{"crowding", &aoetarget::ExportStats::crowding},
    Counter{"stale", &aoetarget::ExportStats::stale},
    Counter{"in-flight", &aoetarget::ExportStats::in_flight},
};

/// Every kind of request, for loops.
inline constexpr std::array<aoetarget::RequestKind, aoetarget::request_kinds> all_request_kinds{
    aoetarget::RequestKind::read,    aoetarget::RequestKind::write, aoetarget::RequestKind::flush,
    aoetarget::RequestKind::discard, aoetarget::RequestKind::other,
};

/// Every state of an export, for loops.
inline constexpr std::array all_export_states{
    aoetarget::ExportStats::State::ok,
    aoetarget::ExportStats::State::failing,
    aoetarget::ExportStats::State::refusing_writes,
    aoetarget::ExportStats::State::vanished,
    aoetarget::ExportStats::State::conflict,
};

template <typename Values>
auto& of_kind(Values& values, aoetarget::RequestKind kind) {
    return values[static_cast<std::size_t>(kind)];
}

} // namespace cli
