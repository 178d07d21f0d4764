// Makes the table and the JSON.
#include "verbs/target_list.hpp"

#include "table.hpp"
#include "text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <vector>

namespace cli {
namespace {

std::vector<std::string> row_of(const aoetarget::DiscoveredTarget& target) {
    const bool identified = target.sectors != 0;
    return {
        to_string(target.address),
        to_string(target.mac),
        fmt::format("{}", target.sectors_per_frame),
        fmt::format("{}", target.buffer_count),
        identified ? human_size(target.sectors * aoetarget::sector_bytes) : "-",
        target.model.empty() ? "-" : printable(target.model),
        target.config_string.empty() ? "-" : printable(target.config_string),
    };
}

} // namespace

std::string target_table(std::span<const aoetarget::DiscoveredTarget> targets) {
    if (targets.empty())
        return {};
    std::vector<std::vector<std::string>> rows{
        {"TARGET", "MAC", "SECTORS/FRAME", "BUFFERS", "SIZE", "MODEL", "CONFIG"}};
    std::ranges::transform(targets, std::back_inserter(rows), row_of);
    return table(rows);
}

nlohmann::ordered_json targets_as_json(std::span<const aoetarget::DiscoveredTarget> targets) {
    auto list = nlohmann::ordered_json::array();
    for (const aoetarget::DiscoveredTarget& target : targets) {
        nlohmann::ordered_json object{
            {"address", to_string(target.address)},
            {"shelf", target.address.shelf},
            {"slot", target.address.slot},
            {"mac", to_string(target.mac)},
            {"sectors_per_frame", target.sectors_per_frame},
            {"buffer_count", target.buffer_count},
            {"firmware_version", target.firmware_version},
            {"config_string", printable(target.config_string)},
            {"sectors", nullptr},
            {"model", nullptr},
            {"serial", nullptr},
        };
        if (target.sectors != 0) {
            object["sectors"] = target.sectors;
            object["model"] = printable(target.model);
            object["serial"] = printable(target.serial);
        }
        list.push_back(std::move(object));
    }
    return list;
}

std::string target_json(std::span<const aoetarget::DiscoveredTarget> targets) {
    return targets_as_json(targets).dump(2) + '\n';
}

} // namespace cli
