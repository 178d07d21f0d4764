// Reads them out of the answer.
#include "service/present_interfaces.hpp"

#include "service/joined_stats.hpp"

#include <nlohmann/json.hpp>

namespace cli {

PresentInterfaces present_interfaces(const nlohmann::json& status) {
    PresentInterfaces present;
    for (const nlohmann::json& interface : status.at("interfaces")) {
        present.names.emplace(interface.at("entry"), interface.at("name"));
        if (is_over_xdp(interface.at("link").get_ref<const std::string&>()))
            present.over_xdp.push_back(interface.at("name"));
    }
    return present;
}

} // namespace cli
