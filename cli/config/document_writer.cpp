// Turns settings into nodes.
#include "config/document_writer.hpp"

#include "config/json.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <span>
#include <stdexcept>

namespace cli {
namespace {

Node node_of(const std::string& text) {
    if (!is_utf8(text))
        throw std::runtime_error(
            fmt::format("'{}' is not UTF-8, so no configuration file can have it; give the file another name",
                        printable(text)));
    return {.value = text};
}

Node node_of(const std::vector<std::string>& texts) {
    List list;
    for (const std::string& text : texts)
        list.push_back(node_of(text));
    return {.value = std::move(list)};
}

Node node_of(bool flag) {
    return {.value = flag};
}

Node node_of(std::int64_t number) {
    return {.value = number};
}

void add(Table& table, std::string_view key, Node node) {
    table.push_back({std::string(key), {}, std::move(node)});
}

Table table_of(std::span<const Setting> settings) {
    Table table;
    for (const auto& [option, value] : settings)
        add(table, option.name, std::visit([](const auto& plain) { return node_of(plain); }, value));
    return table;
}

template <typename Spec>
void add_entries(Table& document, std::string_view key, const std::vector<Spec>& specs) {
    List list;
    for (const Spec& spec : specs)
        list.push_back({.value = to_document(spec)});
    if (!list.empty())
        add(document, key, {.value = std::move(list)});
}

} // namespace

Table to_document(const Configuration& configuration) {
    Table document;
    if (Table target = table_of(target_options().settings(configuration.target)); !target.empty())
        add(document, target_key, {.value = std::move(target)});
    Table hosts;
    for (const auto& [name, members] : configuration.hosts)
        add(hosts, name, members.size() == 1 ? node_of(members.front()) : node_of(members));
    if (!hosts.empty())
        add(document, hosts_key, {.value = std::move(hosts)});
    add_entries(document, interface_key, configuration.interfaces);
    add_entries(document, export_key, configuration.exports);
    return document;
}

Table to_document(const InterfaceSpec& spec) {
    return table_of(interface_options().settings(spec));
}

Table to_document(const ExportSpec& spec) {
    return table_of(export_options().settings(spec));
}

} // namespace cli
