// Asks page after page.
#include "figures/snapshot.hpp"

#include "figures/stats_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace cli {
namespace {

using nlohmann::json;

json name_of_export(const json& exported) {
    return exported.at("address");
}

json name_of_initiator(const json& initiator) {
    return {{"export", initiator.at("export")}, {"initiator", initiator.at("initiator")}};
}

/// Returns the first answer, with all items under `key`. `name_of` makes what "after" has to be.
json ask_for_all(ControlClient& client, const char* what, const char* key,
                 json (*name_of)(const json& item)) {
    json all = client.ask({{"do", what}});
    bool more = all.at("more");
    while (more && !all.at(key).empty()) {
        const json next = client.ask({{"do", what}, {"after", name_of(all.at(key).back())}});
        for (const json& item : next.at(key))
            all[key].push_back(item);
        more = next.at("more");
    }
    all.erase("more");
    all.erase("ok");
    return all;
}

} // namespace

json read_status(ControlClient& client) {
    json status = ask_for_all(client, "status", "exports", name_of_export);
    status["initiators"] =
        ask_for_all(client, "initiators", "initiators", name_of_initiator).at("initiators");
    return status;
}

Snapshot snapshot_of(const json& status) {
    Snapshot snapshot;
    snapshot.taken = std::chrono::steady_clock::now();
    status.at("name").get_to(snapshot.name);
    status.at("version").get_to(snapshot.version);
    status.at("process").get_to(snapshot.process);
    status.at("start").get_to(snapshot.start);
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    snapshot.uptime = std::chrono::duration<double>(std::max(now.count() - snapshot.start, 0.0));
    status.at("waited-for").get_to(snapshot.stats.waited_for);
    status.at("failed-last-flushes").get_to(snapshot.stats.failed_last_flushes);
    status.at("out-of-slots").get_to(snapshot.stats.out_of_slots);
    for (const json& interface : status.at("interfaces"))
        snapshot.stats.interfaces.push_back(interface_stats_from_json(interface));
    for (const json& exported : status.at("exports"))
        snapshot.stats.exports.push_back(export_stats_from_json(exported));
    for (const json& initiator : status.at("initiators"))
        snapshot.stats.initiators.push_back(initiator_stats_from_json(initiator));
    return snapshot;
}

Snapshot read_snapshot(ControlClient& client) {
    Snapshot snapshot = snapshot_of(read_status(client));
    const json latencies = ask_for_all(client, "stats", "latencies", name_of_export);
    for (const json& of_export : latencies.at("latencies"))
        take_latencies(of_export, snapshot.stats.exports);
    return snapshot;
}

} // namespace cli
