// Names, types and labels for the figures.
#include "figures/metrics.hpp"

#include "figures/counters.hpp"

namespace cli {
namespace {

using aoetarget::ExportStats, aoetarget::InitiatorStats, aoetarget::InterfaceStats, aoetarget::RequestKind,
    aoetarget::Stats;
using Type = MetricsText::Type;
using Exports = const std::vector<ExportStats>&;
using Interfaces = const std::vector<InterfaceStats>&;
using Initiators = const std::vector<InitiatorStats>&;

double seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

void add_target(MetricsText& text, const Snapshot& target, std::string_view kernel) {
    text.begin("aoetarget", Type::info, "", "The version of the target, and the kernel that it runs on.");
    text.add({{"version", target.version}, {"kernel", kernel}}, std::uint64_t{1});
    text.begin("aoetarget_start_time_seconds", Type::gauge, "seconds",
               "When the target started, in seconds since 1970.");
    text.add({}, target.start);
    text.begin("aoetarget_failed_last_flushes", Type::counter, "",
               "Exports that were removed and whose flush at the end failed.");
    text.add({}, target.stats.failed_last_flushes);
    text.begin("aoetarget_out_of_slots", Type::counter, "",
               "Answers to wildcard requests that were dropped because no slot was free.");
    text.add({}, target.stats.out_of_slots);
}

/// Adds a family with one metric for each export.
template <typename Value>
void add_exports(MetricsText& text, Exports exports, std::string_view name, Type type, std::string_view unit,
                 std::string_view help, Value value) {
    text.begin(name, type, unit, help);
    for (const ExportStats& exported : exports)
        text.add({{"export", to_string(exported.address)}}, value(exported));
}

void add_counter(MetricsText& text, Exports exports, std::string_view name, std::string_view help,
                 std::uint64_t ExportStats::*counter) {
    add_exports(text, exports, name, Type::counter, "", help,
                [counter](const ExportStats& exported) { return exported.*counter; });
}

/// One of several counters that a label tells apart.
template <typename StatsOf>
struct Variant {
    std::string_view label;
    std::uint64_t StatsOf::*counter;
};

/// Adds a family with several counters for each export.
void add_variants(MetricsText& text, Exports exports, std::string_view name, std::string_view label,
                  std::string_view help, std::initializer_list<Variant<ExportStats>> variants) {
    text.begin(name, Type::counter, "", help);
    for (const ExportStats& exported : exports) {
        for (const auto& variant : variants)
            text.add({{"export", to_string(exported.address)}, {label, variant.label}},
                     exported.*variant.counter);
    }
}

void add_requests(MetricsText& text, Exports exports) {
    add_variants(text, exports, "aoetarget_requests", "op", "Requests that the export served, by kind.",
                 {{"read", &ExportStats::reads},
                  {"write", &ExportStats::writes},
                  {"flush", &ExportStats::flushes},
                  {"discard", &ExportStats::discards},
                  {"other", &ExportStats::other_commands}});
    text.begin("aoetarget_bytes", Type::counter, "bytes", "Bytes that initiators read and wrote.");
    for (const ExportStats& exported : exports) {
        const std::string name = to_string(exported.address);
        text.add({{"export", name}, {"op", "read"}}, exported.sectors_read * aoetarget::sector_bytes);
        text.add({{"export", name}, {"op", "write"}}, exported.sectors_written * aoetarget::sector_bytes);
    }
    text.begin("aoetarget_request_duration_seconds", Type::histogram, "seconds",
               "The time from the arrival of a request to its answer.");
    for (const ExportStats& exported : exports) {
        for (const RequestKind kind : all_request_kinds)
            text.add({{"export", to_string(exported.address)}, {"op", to_string(kind)}},
                     of_kind(exported.latency, kind));
    }
    add_exports(text, exports, "aoetarget_in_flight", Type::gauge, "", "Requests under way now.",
                [](const ExportStats& exported) { return exported.in_flight; });
    add_exports(text, exports, "aoetarget_oldest_request_seconds", Type::gauge, "seconds",
                "How long the oldest request has been under way, 0 if there is none.",
                [](const ExportStats& exported) {
                    return seconds(exported.oldest_request.value_or(std::chrono::nanoseconds(0)));
                });
}

void add_faults(MetricsText& text, Exports exports) {
    add_variants(text, exports, "aoetarget_errors", "kind", "Errors answered, and flushes that failed.",
                 {{"ata", &ExportStats::ata_errors},
                  {"aoe", &ExportStats::aoe_errors},
                  {"flush", &ExportStats::flush_errors}});
    add_variants(text, exports, "aoetarget_dropped", "reason",
                 "Requests dropped, which their initiators repeat.",
                 {{"crowding", &ExportStats::crowding},
                  {"resources", &ExportStats::dropped},
                  {"stale", &ExportStats::stale},
                  {"overload", &ExportStats::overload}});
    add_counter(text, exports, "aoetarget_duplicates", "Copies of requests that were still under way.",
                &ExportStats::duplicates);
    add_counter(text, exports, "aoetarget_ordered",
                "Requests that had to wait for an earlier one on the same sectors.", &ExportStats::ordered);
    add_counter(text, exports, "aoetarget_patched",
                "Partial logical blocks that were read, patched and written.", &ExportStats::patched);
}

void add_devices(MetricsText& text, Exports exports) {
    add_counter(text, exports, "aoetarget_device_operations", "Operations that the disk got.",
                &ExportStats::device_operations);
    add_counter(text, exports, "aoetarget_read_ahead",
                "Reads whose sectors an earlier operation had read ahead.", &ExportStats::read_ahead);
    text.begin("aoetarget_export_state", Type::gauge, "", "1 for the state in which the export is, else 0.");
    for (const ExportStats& exported : exports) {
        for (const ExportStats::State state : all_export_states)
            text.add({{"export", to_string(exported.address)}, {"state", to_string(state)}},
                     std::uint64_t{exported.state == state});
    }
    add_exports(text, exports, "aoetarget_export_size_bytes", Type::gauge, "bytes", "The size of the export.",
                [](const ExportStats& exported) { return exported.sectors * aoetarget::sector_bytes; });
}

void add_interface_frames(MetricsText& text, Interfaces interfaces, std::string_view name,
                          std::string_view label, std::string_view help,
                          std::initializer_list<Variant<InterfaceStats>> variants) {
    text.begin(name, Type::counter, "", help);
    for (const InterfaceStats& interface : interfaces) {
        for (const auto& variant : variants)
            text.add({{"interface", interface.name}, {label, variant.label}}, interface.*variant.counter);
    }
}

void add_interface_counter(MetricsText& text, Interfaces interfaces, std::string_view name,
                           std::string_view help, std::uint64_t InterfaceStats::*counter) {
    text.begin(name, Type::counter, "", help);
    for (const InterfaceStats& interface : interfaces)
        text.add({{"interface", interface.name}}, interface.*counter);
}

void add_interfaces(MetricsText& text, Interfaces interfaces) {
    text.begin("aoetarget_interface_up", Type::gauge, "", "1 if the interface can carry frames, else 0.");
    for (const InterfaceStats& interface : interfaces)
        text.add({{"interface", interface.name}}, std::uint64_t{interface.up});
    text.begin("aoetarget_interface_mtu_bytes", Type::gauge, "bytes", "The MTU of the interface.");
    for (const InterfaceStats& interface : interfaces)
        text.add({{"interface", interface.name}}, std::uint64_t{interface.mtu});
    text.begin("aoetarget_interface", Type::info, "", "The link that carries the frames, and the address.");
    for (const InterfaceStats& interface : interfaces)
        text.add({{"interface", interface.name}, {"link", interface.link}, {"mac", to_string(interface.mac)}},
                 std::uint64_t{1});
    add_interface_frames(text, interfaces, "aoetarget_frames", "direction", "Frames received and sent.",
                         {{"received", &InterfaceStats::rx_frames}, {"sent", &InterfaceStats::tx_frames}});
    add_interface_frames(text, interfaces, "aoetarget_frames_dropped", "reason", "Frames that were dropped.",
                         {{"receive-buffer", &InterfaceStats::rx_dropped},
                          {"oversized", &InterfaceStats::rx_oversized},
                          {"ignored", &InterfaceStats::rx_ignored},
                          {"transmit", &InterfaceStats::tx_errors}});
    add_interface_counter(text, interfaces, "aoetarget_receive_stops",
                          "Times that receiving stopped because every slot was in use.",
                          &InterfaceStats::rx_starved);
    add_interface_counter(text, interfaces, "aoetarget_transmit_retries",
                          "Times that an answer had to wait for room in the interface.",
                          &InterfaceStats::tx_retries);
}

/// Adds a family with one metric for each initiator of an export.
template <typename Value>
void add_initiators(MetricsText& text, Initiators initiators, std::string_view name, Type type,
                    std::string_view unit, std::string_view help, Value value) {
    text.begin(name, type, unit, help);
    for (const InitiatorStats& initiator : initiators)
        text.add({{"initiator", to_string(initiator.initiator)}, {"export", to_string(initiator.exported)}},
                 value(initiator));
}

void add_initiators(MetricsText& text, Initiators initiators) {
    text.begin("aoetarget_initiator_requests", Type::counter, "",
               "Requests that came from the initiator, whatever became of them.");
    for (const InitiatorStats& initiator : initiators) {
        for (const RequestKind kind : all_request_kinds)
            text.add({{"initiator", to_string(initiator.initiator)},
                      {"export", to_string(initiator.exported)},
                      {"op", to_string(kind)}},
                     of_kind(initiator.requests, kind));
    }
    add_initiators(text, initiators, "aoetarget_initiator_repeats", Type::counter, "",
                   "Copies of its requests that were still under way.",
                   [](const InitiatorStats& initiator) { return initiator.repeats; });
    add_initiators(text, initiators, "aoetarget_initiator_last_seen_seconds", Type::gauge, "seconds",
                   "The time since the last request of the initiator.",
                   [](const InitiatorStats& initiator) { return seconds(initiator.last_seen); });
}

} // namespace

std::string metrics_of(const Snapshot& snapshot, std::string_view kernel, MetricsFormat format) {
    MetricsText text(format);
    const Stats& stats = snapshot.stats;
    add_target(text, snapshot, kernel);
    add_requests(text, stats.exports);
    add_faults(text, stats.exports);
    add_devices(text, stats.exports);
    add_interfaces(text, stats.interfaces);
    add_initiators(text, stats.initiators);
    return text.end();
}

} // namespace cli
