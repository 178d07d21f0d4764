// Asks part by part.
#include "control/running_target.hpp"

#include "config/json.hpp"
#include "config/parts.hpp"
#include "config/path_text.hpp"

#include <nlohmann/json.hpp>

namespace cli {

using nlohmann::json;

WhatRuns ask_what_runs(ControlClient& client) {
    json answer = client.ask({{"do", "config"}});
    WhatRuns runs;
    runs.file = parse_path("file", answer.at("file").get<std::string>());
    runs.folder = parse_path("folder", answer.at("folder").get<std::string>());
    for (const json& argument : answer.at("arguments"))
        runs.arguments.push_back(parse_path("argument", argument.get<std::string>()));
    json whole = std::move(answer.at("configuration"));
    for (bool has_more = answer.at("more"); has_more;) {
        const json next = client.ask({{"do", "config"}, {"more", true}});
        join_part(whole, next.at("configuration"));
        has_more = next.at("more");
    }
    runs.configuration = configuration_from_json(whole);
    return runs;
}

json ask_for_reload(ControlClient& client, const Configuration& wanted, bool is_partial) {
    const std::vector<json> parts = split_configuration(to_json(wanted), max_control_bytes / 2);
    for (std::size_t i = 0; i + 1 < parts.size(); ++i)
        client.ask({{"do", "reload"}, {"configuration", parts[i]}, {"more", true}});
    return client.ask({{"do", "reload"}, {"configuration", parts.back()}, {"partial", is_partial}});
}

} // namespace cli
