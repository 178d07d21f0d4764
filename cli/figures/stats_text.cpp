// Lays rates out.
#include "figures/stats_text.hpp"

#include "figures/columns.hpp"
#include "table.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace cli {
namespace {

using nlohmann::ordered_json;
using Seconds = std::chrono::duration<double>;

/// In seconds. What is beyond the largest bound of a histogram has that bound.
ordered_json bound(const std::optional<std::chrono::nanoseconds>& bound) {
    if (!bound)
        return nullptr;
    const std::chrono::nanoseconds largest(aoetarget::LatencyHistogram::bounds.back());
    return Seconds(std::min(*bound, largest)).count();
}

ordered_json object_of(const ExportRates& exported) {
    const auto& oldest = exported.now.oldest_request;
    return {
        {"export", to_string(exported.now.address)},
        {"state", to_string(exported.now.state)},
        {"reads", exported.reads},
        {"writes", exported.writes},
        {"others", exported.others},
        {"bytes-read", exported.bytes_read},
        {"bytes-written", exported.bytes_written},
        {"read-p50", bound(exported.read.p50)},
        {"read-p99", bound(exported.read.p99)},
        {"write-p50", bound(exported.write.p50)},
        {"write-p99", bound(exported.write.p99)},
        {"in-flight", exported.now.in_flight},
        {"oldest-request", oldest ? ordered_json(Seconds(*oldest).count()) : ordered_json(nullptr)},
    };
}

ordered_json object_of(const InterfaceRates& interface) {
    return {
        {"interface", interface.now.name}, {"up", interface.now.up}, {"received", interface.received},
        {"sent", interface.sent},          {"lost", interface.lost},
    };
}

ordered_json object_of(const InitiatorRates& initiator) {
    return {
        {"initiator", to_string(initiator.now.initiator)},
        {"export", to_string(initiator.now.exported)},
        {"reads", initiator.reads},
        {"writes", initiator.writes},
        {"others", initiator.others},
        {"repeats", initiator.repeats},
        {"last-seen", Seconds(initiator.now.last_seen).count()},
    };
}

template <typename Row>
ordered_json list_of(const std::vector<Row>& rows) {
    ordered_json list = ordered_json::array();
    for (const Row& row : rows)
        list.push_back(object_of(row));
    return list;
}

} // namespace

std::string stats_table(const Rates& rates) {
    std::vector<std::vector<std::string>> rows(1);
    for (const auto& column : export_columns())
        rows.front().emplace_back(column.title);
    for (const ExportRates& exported : rates.exports) {
        rows.emplace_back();
        for (const auto& column : export_columns())
            rows.back().push_back(column.cell(exported));
    }
    return table(rows);
}

std::string stats_json(const Rates& rates, double time) {
    const ordered_json object{
        {"time", time},
        {"seconds", rates.period.count()},
        {"exports", list_of(rates.exports)},
        {"interfaces", list_of(rates.interfaces)},
        {"initiators", list_of(rates.initiators)},
    };
    return object.dump();
}

} // namespace cli
