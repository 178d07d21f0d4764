// Turns JSON into documents, and documents into JSON.
#include "config/json.hpp"

#include "config/document_reader.hpp"
#include "config/document_writer.hpp"
#include "usage_error.hpp"

#include <nlohmann/json.hpp>

#include <limits>

namespace cli {
namespace {

nlohmann::json json_of(const Table& table);

nlohmann::json json_of(const Node& node) {
    struct Convert {
        nlohmann::json operator()(bool flag) const { return flag; }
        nlohmann::json operator()(std::int64_t number) const { return number; }
        nlohmann::json operator()(const std::string& text) const { return text; }
        nlohmann::json operator()(const Table& table) const { return json_of(table); }
        nlohmann::json operator()(const Foreign& foreign) const { return foreign.text; }
        nlohmann::json operator()(const List& list) const {
            nlohmann::json array = nlohmann::json::array();
            for (const Node& element : list)
                array.push_back(json_of(element));
            return array;
        }
    };
    return std::visit(Convert{}, node.value);
}

nlohmann::json json_of(const Table& table) {
    nlohmann::json object = nlohmann::json::object();
    for (const Member& member : table)
        object[member.key] = json_of(member.node);
    return object;
}

/// A configuration is not deep, and the sender of a very deep one could exhaust the stack.
constexpr unsigned deepest = 8;

Node node_of(const nlohmann::json& json, unsigned depth = 0) {
    if (depth > deepest)
        return {.value = Foreign{"a deep nest"}};
    if (json.is_boolean())
        return {.value = json.get<bool>()};
    if (json.is_number_unsigned() && json.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
        return {.value = Foreign{std::to_string(json.get<std::uint64_t>())}};
    if (json.is_number_integer())
        return {.value = json.get<std::int64_t>()};
    if (json.is_string())
        return {.value = json.get<std::string>()};
    if (json.is_array()) {
        List list;
        for (const nlohmann::json& element : json)
            list.push_back(node_of(element, depth + 1));
        return {.value = std::move(list)};
    }
    if (json.is_object()) {
        Table table;
        for (const auto& [key, value] : json.items())
            table.push_back({key, {}, node_of(value, depth + 1)});
        return {.value = std::move(table)};
    }
    return {.value = Foreign{json.dump()}};
}

void throw_if_any(std::vector<std::string> complaints) {
    if (!complaints.empty())
        throw ConfigurationError(std::move(complaints));
}

} // namespace

nlohmann::json to_json(const Configuration& configuration) {
    return json_of(to_document(configuration));
}

nlohmann::json to_json(const InterfaceSpec& spec) {
    return json_of(to_document(spec));
}

nlohmann::json to_json(const ExportSpec& spec) {
    return json_of(to_document(spec));
}

Configuration configuration_from_json(const nlohmann::json& json) {
    if (!json.is_object())
        throw ConfigurationError({"a configuration in JSON is an object"});
    Reading reading = read_documents({node_of(json)});
    std::vector<std::string> complaints;
    for (Complaint& complaint : reading.complaints)
        complaints.push_back(std::move(complaint.text));
    throw_if_any(std::move(complaints));
    sort_entries(reading.configuration);
    return std::move(reading.configuration);
}

InterfaceSpec interface_from_json(const nlohmann::json& json) {
    InterfaceSpec spec;
    std::vector<std::string> complaints;
    read_interface(node_of(json), spec, [&](Place, const std::string& text) { complaints.push_back(text); });
    throw_if_any(std::move(complaints));
    return spec;
}

ExportSpec export_from_json(const nlohmann::json& json, const Hosts& hosts) {
    ExportSpec spec;
    std::vector<std::string> complaints;
    read_export(node_of(json), spec, hosts,
                [&](Place, const std::string& text) { complaints.push_back(text); });
    throw_if_any(std::move(complaints));
    return spec;
}

bool is_utf8(const std::string& text) {
    try {
        static_cast<void>(nlohmann::json(text).dump());
        return true;
    } catch (const nlohmann::json::type_error&) {
        return false;
    }
}

} // namespace cli
