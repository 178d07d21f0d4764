// Names for the figures.
#include "figures/stats_json.hpp"

#include "exit_code.hpp"
#include "failure.hpp"
#include "figures/counters.hpp"
#include "text.hpp"

#include <aoetarget/block_device.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace cli {
namespace {

using aoetarget::ExportStats, aoetarget::InitiatorStats, aoetarget::InterfaceStats,
    aoetarget::LatencyHistogram, aoetarget::sector_bytes;
using nlohmann::json;
using Seconds = std::chrono::duration<double>;

double seconds(std::chrono::nanoseconds time) {
    return Seconds(time).count();
}

std::chrono::nanoseconds nanoseconds_of(const json& value) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds(value.get<double>()));
}

template <typename Stats, std::size_t size>
void add_counters(json& object, const Stats& stats, const std::array<Counter<Stats>, size>& counters) {
    for (const auto& counter : counters)
        object[counter.key] = stats.*counter.member;
}

template <typename Stats, std::size_t size>
void take_counters(const json& object, Stats& stats, const std::array<Counter<Stats>, size>& counters) {
    for (const auto& counter : counters)
        object.at(counter.key).get_to(stats.*counter.member);
}

json to_json(const LatencyHistogram& histogram) {
    return {{"counts", histogram.counts}, {"sum", seconds(histogram.sum)}};
}

ExportStats::State state_from_json(const json& value) {
    const auto& name = value.get_ref<const std::string&>();
    const auto* const found = std::ranges::find_if(
        all_export_states, [&](ExportStats::State state) { return name == to_string(state); });
    if (found == all_export_states.end())
        throw Failure(exit_failed, fmt::format("the target knows a state '{}' that this program does not",
                                               printable(name)));
    return *found;
}

} // namespace

json to_json(const InterfaceStats& interface) {
    json object{
        {"name", interface.name},
        {"entry", interface.entry},
        {"link", interface.link},
        {"passes-by", interface.passes_by},
        {"filters-broadcasts", interface.filters_broadcasts},
        {"mac", to_string(interface.mac)},
        {"mtu", interface.mtu},
        {"sectors-per-frame", interface.sectors_per_frame},
        {"buffers", interface.buffers},
        {"buffers-bound", interface.buffers_bound},
        {"present", interface.present},
        {"up", interface.up},
        {"since-change", seconds(interface.since_change)},
        {"port-of", interface.port_of},
    };
    add_counters(object, interface, interface_counters);
    return object;
}

json to_json(const ExportStats& exported) {
    json object{
        {"address", to_string(exported.address)},
        {"serial", exported.serial},
        {"size", exported.sectors * sector_bytes},
        {"state", to_string(exported.state)},
        {"since-change", seconds(exported.since_change)},
        {"oldest-request", nullptr},
        {"bytes-read", exported.sectors_read * sector_bytes},
        {"bytes-written", exported.sectors_written * sector_bytes},
    };
    if (exported.oldest_request)
        object["oldest-request"] = seconds(*exported.oldest_request);
    add_counters(object, exported, export_counters);
    return object;
}

json to_json(const InitiatorStats& initiator) {
    json requests;
    for (const aoetarget::RequestKind kind : all_request_kinds)
        requests[to_string(kind)] = of_kind(initiator.requests, kind);
    return {
        {"initiator", to_string(initiator.initiator)},
        {"export", to_string(initiator.exported)},
        {"requests", std::move(requests)},
        {"repeats", initiator.repeats},
        {"last-seen", seconds(initiator.last_seen)},
    };
}

json latencies_to_json(const ExportStats& exported) {
    json object{{"address", to_string(exported.address)}};
    for (const aoetarget::RequestKind kind : all_request_kinds) {
        const LatencyHistogram& histogram = of_kind(exported.latency, kind);
        if (histogram.count() > 0)
            object[to_string(kind)] = to_json(histogram);
    }
    return object;
}

InterfaceStats interface_stats_from_json(const json& object) {
    InterfaceStats interface;
    object.at("name").get_to(interface.name);
    object.at("entry").get_to(interface.entry);
    object.at("link").get_to(interface.link);
    object.at("passes-by").get_to(interface.passes_by);
    object.at("filters-broadcasts").get_to(interface.filters_broadcasts);
    interface.mac = mac_from_json(object, "mac");
    object.at("mtu").get_to(interface.mtu);
    object.at("sectors-per-frame").get_to(interface.sectors_per_frame);
    interface.buffers = object.value("buffers", 0U); // an older target tells neither
    interface.buffers_bound = object.value("buffers-bound", "");
    interface.present = object.value("present", true); // an older target does not tell it
    object.at("up").get_to(interface.up);
    interface.since_change = nanoseconds_of(object.at("since-change"));
    object.at("port-of").get_to(interface.port_of);
    take_counters(object, interface, interface_counters);
    return interface;
}

ExportStats export_stats_from_json(const json& object) {
    ExportStats exported;
    exported.address = address_from_json(object, "address");
    object.at("serial").get_to(exported.serial);
    exported.sectors = object.at("size").get<std::uint64_t>() / sector_bytes;
    exported.state = state_from_json(object.at("state"));
    exported.since_change = nanoseconds_of(object.at("since-change"));
    if (const json& oldest = object.at("oldest-request"); !oldest.is_null())
        exported.oldest_request = nanoseconds_of(oldest);
    exported.sectors_read = object.at("bytes-read").get<std::uint64_t>() / sector_bytes;
    exported.sectors_written = object.at("bytes-written").get<std::uint64_t>() / sector_bytes;
    take_counters(object, exported, export_counters);
    return exported;
}

InitiatorStats initiator_stats_from_json(const json& object) {
    InitiatorStats initiator;
    initiator.initiator = mac_from_json(object, "initiator");
    initiator.exported = address_from_json(object, "export");
    for (const aoetarget::RequestKind kind : all_request_kinds)
        object.at("requests").at(to_string(kind)).get_to(of_kind(initiator.requests, kind));
    object.at("repeats").get_to(initiator.repeats);
    initiator.last_seen = nanoseconds_of(object.at("last-seen"));
    return initiator;
}

void take_latencies(const json& object, std::vector<ExportStats>& exports) {
    const aoetarget::Address address = address_from_json(object, "address");
    const auto exported = std::ranges::lower_bound(exports, address, {}, &ExportStats::address);
    if (exported == exports.end() || exported->address != address)
        return;
    for (const aoetarget::RequestKind kind : all_request_kinds) {
        if (const auto found = object.find(to_string(kind)); found != object.end()) {
            LatencyHistogram& histogram = of_kind(exported->latency, kind);
            found->at("counts").get_to(histogram.counts);
            histogram.sum = nanoseconds_of(found->at("sum"));
        }
    }
}

aoetarget::Address address_from_json(const json& object, const char* key) {
    const auto& text = object.at(key).get_ref<const std::string&>();
    const auto address = aoetarget::Address::parse(text);
    if (!address)
        throw Failure(exit_failed, fmt::format("'{}' is not the address of an export", printable(text)));
    return *address;
}

aoetarget::MacAddress mac_from_json(const json& object, const char* key) {
    const auto& text = object.at(key).get_ref<const std::string&>();
    const auto mac = aoetarget::MacAddress::parse(text);
    if (!mac)
        throw Failure(exit_failed, fmt::format("'{}' is not the address of an initiator", printable(text)));
    return *mac;
}

} // namespace cli
