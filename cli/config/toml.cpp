// Takes what toml++ has read into our own tree, and prints such a tree.
#include "config/toml.hpp"

#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include <toml++/toml.h>

namespace cli {
namespace {

Place place_of(const toml::source_region& source) {
    return {source.begin.line, source.begin.column};
}

/// Returns the line with this number, the first being 1.
std::string_view line_of(std::string_view text, unsigned number) {
    for (; number > 1; --number)
        text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    return text.substr(0, text.find('\n'));
}

/// Returns the part between two columns. Columns count characters, which may have several bytes.
std::string_view columns_of(std::string_view line, unsigned begin, unsigned end) {
    const auto bytes_before = [&](unsigned column) {
        std::size_t bytes = 0;
        for (unsigned seen = 0; bytes < line.size(); ++bytes) {
            const bool begins_character = (static_cast<unsigned char>(line[bytes]) & 0xc0) != 0x80;
            if (begins_character && ++seen == column)
                break;
        }
        return bytes;
    };
    const std::size_t first = bytes_before(begin);
    return line.substr(first, bytes_before(end) - first);
}

/// Returns a value of one line as the file has it: 1.10 is not 1.1 if it was meant to be an address.
std::string source_of(const toml::node& node, std::string_view text) {
    const toml::source_region& source = node.source();
    return std::string(columns_of(line_of(text, source.begin.line), source.begin.column, source.end.column));
}

Node convert(const toml::node& node, std::string_view text) {
    const Place place = place_of(node.source());
    if (const auto* table = node.as_table()) {
        Table members;
        for (const auto& [key, value] : *table)
            members.push_back({std::string(key.str()), place_of(key.source()), convert(value, text)});
        std::ranges::stable_sort(members, {}, &Member::place); // toml++ has them by name
        return {place, std::move(members)};
    }
    if (const auto* array = node.as_array()) {
        List list;
        for (const toml::node& element : *array)
            list.push_back(convert(element, text));
        return {place, std::move(list)};
    }
    if (const auto* string = node.as_string())
        return {place, string->get()};
    if (const auto* number = node.as_integer())
        return {place, number->get()};
    if (const auto* flag = node.as_boolean())
        return {place, flag->get()};
    return {place, Foreign{source_of(node, text)}};
}

std::string quoted(const std::string& text) {
    std::ostringstream out;
    out << toml::toml_formatter(toml::value<std::string>(text), toml::format_flags::allow_unicode_strings);
    return out.str();
}

std::string key_text(const std::string& key) {
    const auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
    return !key.empty() && std::ranges::all_of(key, is_plain) ? key : quoted(key);
}

/// A value that fits a line.
std::string value_text(const Node& node) {
    if (const auto* text = std::get_if<std::string>(&node.value))
        return quoted(*text);
    if (const auto* number = std::get_if<std::int64_t>(&node.value))
        return std::to_string(*number);
    if (const auto* flag = std::get_if<bool>(&node.value))
        return *flag ? "true" : "false";
    std::string all;
    for (const Node& element : std::get<List>(node.value))
        all += (all.empty() ? "" : ", ") + value_text(element);
    return fmt::format("[{}]", all);
}

std::string table_text(std::string_view title, const Node& table) {
    std::string all = fmt::format("{}\n", title);
    for (const Member& member : std::get<Table>(table.value))
        all += fmt::format("{} = {}\n", key_text(member.key), value_text(member.node));
    return all;
}

} // namespace

Node parse_toml(std::string_view text) {
    try {
        return convert(toml::parse(text), text);
    } catch (const toml::parse_error& error) {
        throw SyntaxError(place_of(error.source()), single_line(error.description()));
    }
}

std::string print_toml(const Table& table) {
    std::string all;
    const auto add = [&](const std::string& part) { all += (all.empty() ? "" : "\n") + part; };
    for (const auto& [key, place, node] : table) {
        if (const auto* list = std::get_if<List>(&node.value)) {
            for (const Node& element : *list)
                add(table_text(fmt::format("[[{}]]", key), element));
        } else {
            add(table_text(fmt::format("[{}]", key), node));
        }
    }
    return all;
}

} // namespace cli
