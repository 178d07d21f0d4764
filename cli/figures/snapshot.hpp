// The figures of a target that runs on this machine, as a command reads them.
#pragma once

#include "control/client.hpp"

#include <aoetarget/stats.hpp>

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <string>

namespace cli {

struct Snapshot {
    std::string name;
    std::string version;
    int process = 0;
    double start = 0;                            ///< In seconds since 1970.
    std::chrono::steady_clock::time_point taken; ///< By the clock of the process that reads.
    std::chrono::duration<double> uptime{};      ///< The time since the target's start, then.
    aoetarget::Stats stats;                      ///< In the order of join() (service/joined_stats.hpp).
};

/// Asks for what `status --json` prints: all counters, and the initiators. Throws what ControlClient::ask()
/// throws.
nlohmann::json read_status(ControlClient& client);

/// Returns what read_status() has just returned as figures, which have no latencies. Throws as the functions
/// of figures/stats_json.hpp do.
Snapshot snapshot_of(const nlohmann::json& status);

/// Asks for all figures, latencies too. Throws what both of these throw.
Snapshot read_snapshot(ControlClient& client);

} // namespace cli
