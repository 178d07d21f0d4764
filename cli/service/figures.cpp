// Names for the figures.
#include "service/figures.hpp"

#include <aoetarget/block_device.hpp>

#include <nlohmann/json.hpp>

namespace cli {

nlohmann::json to_json(const aoetarget::InterfaceStats& interface) {
    return {
        {"name", interface.name},
        {"link", interface.link},
        {"passes-by", interface.passes_by},
        {"filters-broadcasts", interface.filters_broadcasts},
        {"mac", to_string(interface.mac)},
        {"mtu", interface.mtu},
        {"sectors-per-frame", interface.sectors_per_frame},
        {"up", interface.up},
        {"port-of", interface.port_of},
        {"rx-frames", interface.rx_frames},
        {"rx-dropped", interface.rx_dropped},
        {"rx-oversized", interface.rx_oversized},
        {"rx-starved", interface.rx_starved},
        {"rx-ignored", interface.rx_ignored},
        {"tx-frames", interface.tx_frames},
        {"tx-errors", interface.tx_errors},
        {"tx-retries", interface.tx_retries},
    };
}

nlohmann::json to_json(const aoetarget::ExportStats& exported) {
    return {
        {"address", to_string(exported.address)},
        {"serial", exported.serial},
        {"size", exported.sectors * aoetarget::sector_bytes},
        {"reads", exported.reads},
        {"writes", exported.writes},
        {"bytes-read", exported.sectors_read * aoetarget::sector_bytes},
        {"bytes-written", exported.sectors_written * aoetarget::sector_bytes},
        {"flushes", exported.flushes},
        {"discards", exported.discards},
        {"other-commands", exported.other_commands},
        {"device-operations", exported.device_operations},
        {"read-ahead", exported.read_ahead},
        {"duplicates", exported.duplicates},
        {"ordered", exported.ordered},
        {"patched", exported.patched},
        {"ata-errors", exported.ata_errors},
        {"aoe-errors", exported.aoe_errors},
        {"flush-errors", exported.flush_errors},
        {"dropped", exported.dropped},
        {"crowding", exported.crowding},
        {"stale", exported.stale},
        {"in-flight", exported.in_flight},
    };
}

} // namespace cli
