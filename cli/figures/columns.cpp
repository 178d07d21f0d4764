// What each column shows.
#include "figures/columns.hpp"

#include "config/interface_spec.hpp"
#include "figures/short_text.hpp"
#include "text.hpp"

#include <algorithm>
#include <array>

namespace cli {
namespace {

using Export = const ExportRates&;
using Interface = const InterfaceRates&;
using Initiator = const InitiatorRates&;

constexpr std::array<Column<ExportRates>, 11> exports{{
    {"EXPORT", 9, [](Export row) { return to_string(row.now.address); }},
    {"STATE", 6, [](Export row) { return std::string(to_string(row.now.state)); }},
    {"READ/S", 8, [](Export row) { return short_count(row.reads); }},
    {"WRITE/S", 8, [](Export row) { return short_count(row.writes); }},
    {"BYTES/S", 7, [](Export row) { return short_bytes(row.bytes()); }},
    {"R P50", 1, [](Export row) { return short_bound(row.read.p50); }},
    {"R P99", 5, [](Export row) { return short_bound(row.read.p99); }},
    {"W P50", 1, [](Export row) { return short_bound(row.write.p50); }},
    {"W P99", 5, [](Export row) { return short_bound(row.write.p99); }},
    {"QUEUE", 3, [](Export row) { return short_count(static_cast<double>(row.now.in_flight)); }},
    {"OLDEST", 2,
     [](Export row) {
         return row.now.oldest_request ? short_time(*row.now.oldest_request) : std::string("-");
     }},
}};

constexpr std::array<Column<InterfaceRates>, 6> interfaces{{
    {"INTERFACE", 9, [](Interface row) { return printable(row.now.name); }},
    {"STATE", 6, [](Interface row) { return state_of(row.now); }},
    {"SINCE", 1, [](Interface row) { return short_time(row.now.since_change); }},
    {"RECEIVED/S", 8, [](Interface row) { return short_count(row.received); }},
    {"SENT/S", 8, [](Interface row) { return short_count(row.sent); }},
    {"LOST/S", 7, [](Interface row) { return short_count(row.lost); }},
}};

constexpr std::array<Column<InitiatorRates>, 7> initiators{{
    {"INITIATOR", 9, [](Initiator row) { return to_string(row.now.initiator); }},
    {"EXPORT", 9, [](Initiator row) { return to_string(row.now.exported); }},
    {"READ/S", 8, [](Initiator row) { return short_count(row.reads); }},
    {"WRITE/S", 8, [](Initiator row) { return short_count(row.writes); }},
    {"OTHER/S", 1, [](Initiator row) { return short_count(row.others); }},
    {"REPEATS/S", 3, [](Initiator row) { return short_count(row.repeats); }},
    {"SEEN", 2, [](Initiator row) { return short_time(row.now.last_seen); }},
}};

} // namespace

std::span<const Column<ExportRates>> export_columns() {
    return exports;
}

std::span<const Column<InterfaceRates>> interface_columns() {
    return interfaces;
}

std::span<const Column<InitiatorRates>> initiator_columns() {
    return initiators;
}

std::string state_of(const aoetarget::InterfaceStats& interface) {
    if (!interface.present)
        return "absent";
    if (!interface.port_of.empty())
        return "port of " + printable(interface.port_of);
    return interface.up ? "up" : "down";
}

Waiting waiting_of(const aoetarget::Stats& stats, const std::string& name) {
    if (!is_pattern(name))
        return {"absent", {}};
    const auto served = std::ranges::count(stats.interfaces, name, &aoetarget::InterfaceStats::entry);
    return {"pattern", "serves " + counted(static_cast<std::size_t>(served), "interface")};
}

} // namespace cli
