// aoetarget status: what a target serves, and how it fares.
#include "control/client.hpp"
#include "table.hpp"
#include "text.hpp"
#include "verbs/arguments.hpp"
#include "verbs/target_choice.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <ctime>

namespace cli {

const char* const status_help = R"(Usage: aoetarget status [--name NAME | --control PATH] [--json]

This command shows the interfaces and exports of a target that runs on this machine, and how they
fare. UNDER WAY are requests that have not been answered yet. LOST are frames that the kernel
dropped or the interface did not send; initiators repeat such requests. ERRORS are errors that the
export has answered.

  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  --json                Print an object with all counters instead. Sizes are in bytes, and "start"
                        in seconds since 1970.
  -h, --help            Show this text.

Exit codes: 0 done, 4 no permission, 5 there is no such target.
)";

namespace {

using nlohmann::json;

/// An answer has a part of the exports.
json ask_for_all(ControlClient& client) {
    json status = client.ask({{"do", "status"}});
    while (status.at("more") == true && !status.at("exports").empty()) {
        const json next =
            client.ask({{"do", "status"}, {"after", status.at("exports").back().at("address")}});
        for (const json& exported : next.at("exports"))
            status["exports"].push_back(exported);
        status["more"] = next.at("more");
    }
    status.erase("more");
    status.erase("ok");
    return status;
}

std::string number(const json& object, const char* key) {
    return fmt::format("{}", object.at(key).get<std::uint64_t>());
}

std::string sum(const json& object, std::initializer_list<const char*> keys) {
    std::uint64_t sum = 0;
    for (const char* key : keys)
        sum += object.at(key).get<std::uint64_t>();
    return fmt::format("{}", sum);
}

std::string state_of(const json& interface) {
    const std::string port_of = interface.at("port-of");
    if (!port_of.empty())
        return "port of " + port_of;
    return interface.at("up") == true ? "up" : "down";
}

std::string text_of(const json& status) {
    const auto start = static_cast<std::time_t>(status.at("start").get<double>());
    std::string text =
        fmt::format("target {}: version {}, process {}, since {:%Y-%m-%d %H:%M:%S}\n\n",
                    status.at("name").get<std::string>(), status.at("version").get<std::string>(),
                    status.at("process").get<int>(), fmt::localtime(start));
    std::vector<std::vector<std::string>> interfaces{
        {"INTERFACE", "STATE", "MTU", "SECTORS/FRAME", "RECEIVED", "SENT", "LOST", "LINK"}};
    for (const json& interface : status.at("interfaces"))
        interfaces.push_back({interface.at("name"), state_of(interface), number(interface, "mtu"),
                              number(interface, "sectors-per-frame"), number(interface, "rx-frames"),
                              number(interface, "tx-frames"), sum(interface, {"rx-dropped", "tx-errors"}),
                              interface.at("link")});
    for (const json& name : status.at("waited-for"))
        interfaces.push_back({name, "absent", "-", "-", "-", "-", "-", "-"});
    text += table(interfaces) + '\n';
    std::vector<std::vector<std::string>> exports{
        {"EXPORT", "SIZE", "READS", "WRITES", "UNDER WAY", "ERRORS", "SERIAL"}};
    for (const json& exported : status.at("exports"))
        exports.push_back({exported.at("address"), human_size(exported.at("size").get<std::uint64_t>()),
                           number(exported, "reads"), number(exported, "writes"),
                           number(exported, "in-flight"), sum(exported, {"ata-errors", "aoe-errors"}),
                           exported.at("serial")});
    return text + table(exports);
}

} // namespace

int status(const Arguments& arguments) {
    ArgumentParser parser("status");
    TargetChoice target;
    bool as_json = false;
    target.add_to(parser);
    parser.add_flag("--json", as_json);
    if (!parser.parse(arguments)) {
        fmt::print("{}", status_help);
        return 0;
    }
    ControlClient client(target.path());
    const json status = ask_for_all(client);
    fmt::print("{}", as_json ? status.dump(2) + '\n' : text_of(status));
    return 0;
}

} // namespace cli
