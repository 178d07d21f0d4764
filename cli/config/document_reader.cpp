// Goes through documents with the tables of options.
#include "config/document_reader.hpp"

#include "config/scanner.hpp"
#include "config/spelling.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace cli {
namespace {

/// Looks every kind of value up in one place.
std::string shown(const Node& node) {
    struct Show {
        std::string operator()(bool flag) const { return flag ? "true" : "false"; }
        std::string operator()(std::int64_t number) const { return std::to_string(number); }
        std::string operator()(const std::string& text) const { return fmt::format("'{}'", printable(text)); }
        std::string operator()(const List& list) const {
            return list.empty() ? "an empty list" : "this list";
        }
        std::string operator()(const Table&) const { return "a table"; }
        std::string operator()(const Foreign& foreign) const { return printable(foreign.text); }
    };
    return std::visit(Show{}, node.value);
}

/// As a file has it: "auto" or 1...255.
std::string allowed(const OptionInfo& option) {
    if (option.type == ValueType::list)
        return fmt::format(R"(["{}", ...])", option.values.substr(0, option.values.find('[')));
    const bool is_quoted = option.type == ValueType::text || option.type == ValueType::number_or_text;
    std::string all;
    for (std::string_view rest = option.values; !rest.empty();) {
        const std::string_view one = rest.substr(0, rest.find('|'));
        rest.remove_prefix(std::min(one.size() + 1, rest.size()));
        const bool is_number = one.front() >= '0' && one.front() <= '9';
        all += fmt::format(fmt::runtime(is_quoted && !is_number ? R"({}"{}")" : "{}{}"),
                           all.empty() ? "" : " or ", one);
    }
    return all;
}

std::optional<std::vector<std::string>> texts_of(const Node& node) {
    if (const auto* text = std::get_if<std::string>(&node.value))
        return std::vector{*text};
    const auto* list = std::get_if<List>(&node.value);
    if (list == nullptr)
        return std::nullopt;
    std::vector<std::string> texts;
    for (const Node& element : *list) {
        const auto* text = std::get_if<std::string>(&element.value);
        if (text == nullptr)
            return std::nullopt;
        texts.push_back(*text);
    }
    return texts;
}

/// Returns nothing if the type is wrong.
std::optional<Value> value_of(const OptionInfo& option, const Node& node) {
    if (option.type == ValueType::list)
        return texts_of(node);
    if (const auto* flag = std::get_if<bool>(&node.value); flag != nullptr && option.type == ValueType::flag)
        return *flag;
    if (const auto* number = std::get_if<std::int64_t>(&node.value);
        number != nullptr && (option.type == ValueType::number || option.type == ValueType::number_or_text))
        return *number;
    if (const auto* text = std::get_if<std::string>(&node.value);
        text != nullptr && (option.type == ValueType::text || option.type == ValueType::number_or_text))
        return *text;
    return std::nullopt;
}

std::string names_of(std::span<const OptionInfo> options) {
    std::string all;
    for (const OptionInfo& option : options)
        all += fmt::format("{}{}", all.empty() ? "" : ", ", option.name);
    return all;
}

/// Whether a fraction or a date would be right as a text. (JSON has null, which nobody means so.)
bool lacks_quotes(const OptionInfo& option, std::size_t number, const Node& node, const TakeValue& take) {
    const auto* foreign = std::get_if<Foreign>(&node.value);
    if (foreign == nullptr || option.type != ValueType::text || foreign->text == "null")
        return false;
    try {
        return take(number, foreign->text);
    } catch (const UsageError&) {
        return false;
    }
}

/// Returns whether the option has taken the value.
bool take_value(const OptionInfo& option, std::size_t number, const Node& node, const TakeValue& take,
                const Complain& complain) {
    try {
        const std::optional<Value> value = value_of(option, node);
        if (value && take(number, *value))
            return true;
        const std::string cure = lacks_quotes(option, number, node, take)
                                     ? fmt::format("it in quotes: {} = \"{}\"", option.name, shown(node))
                                     : fmt::format("{} = {}", option.name, allowed(option));
        complain(node.place, fmt::format("{} cannot be {}; write {}", option.name, shown(node), cure));
    } catch (const UsageError& error) {
        complain(node.place, error.what());
    }
    return false;
}

/// Gives the members of a table to options. `title` is that of the table. Returns which options have taken a
/// value.
std::vector<bool> read_options(const Table& table, std::string_view title,
                               std::span<const OptionInfo> options, const TakeValue& take,
                               const Complain& complain) {
    std::vector<bool> taken(options.size());
    for (const auto& [key, place, node] : table) {
        const std::size_t number = find_option(options, key);
        if (number == options.size())
            complain(place, unknown_option(title, key, options, names_of(options)));
        else
            taken[number] = take_value(options[number], number, node, take, complain);
    }
    return taken;
}

const Member* find_member(const Table& table, std::string_view key) {
    const auto found = std::ranges::find(table, key, &Member::key);
    return found == table.end() ? nullptr : &*found;
}

template <typename Spec>
bool read_entry(const Node& node, std::string_view title, const OptionTable<Spec>& options, Spec& spec,
                const Hosts& hosts, const Complain& complain) {
    const auto* table = std::get_if<Table>(&node.value);
    if (table == nullptr) {
        complain(node.place, fmt::format("{} cannot be {}; write a table", title, shown(node)));
        return false;
    }
    const std::vector<bool> taken = read_options(
        *table, title, options.infos(),
        [&](std::size_t number, const Value& value) { return options.set(spec, number, value, hosts); },
        complain);
    for (const OptionInfo& subject : options.infos().first(options.subjects())) {
        if (find_member(*table, subject.name) == nullptr)
            complain(node.place, fmt::format("{} has no {}; add {} = {}", title, subject.name, subject.name,
                                             allowed(subject)));
    }
    return taken.front();
}

class DocumentReader {
  public:
    explicit DocumentReader(const std::vector<Node>& documents) : documents_(documents) {}

    Reading read() {
        // Exports use the names of hosts, which may stand in another document.
        for_each_part([&](const Member& part) { check_name(part); });
        for_each_part([&](const Member& part) {
            if (part.key == hosts_key)
                read_hosts(part.node);
        });
        result_.hosts =
            Hosts(result_.configuration.hosts, [&](const std::string& name, const std::string& error) {
                result_.complaints.push_back({host_origins_.at(name), error});
            });
        for_each_part([&](const Member& part) {
            if (part.key == target_key)
                read_target(part.node);
            else if (part.key == interface_key)
                read_interfaces(part.node);
            else if (part.key == export_key)
                read_exports(part.node);
        });
        return std::move(result_);
    }

  private:
    void for_each_part(const std::function<void(const Member&)>& read_part) {
        for (document_ = 0; document_ < documents_.size(); ++document_)
            std::ranges::for_each(std::get<Table>(documents_[document_].value), read_part);
    }

    void check_name(const Member& part) {
        static constexpr std::array known = {target_key, hosts_key, interface_key, export_key};
        if (std::ranges::find(known, part.key) == known.end())
            complain(part.place,
                     fmt::format("there is no '{}' in a configuration{}; it can have [target], [hosts], "
                                 "[[interface]], [[export]]",
                                 printable(part.key), nearest_to(part.key, known)));
    }

    void read_hosts(const Node& node) {
        const auto* table = std::get_if<Table>(&node.value);
        if (table == nullptr) {
            complain(node.place, fmt::format("hosts cannot be {}; write a table, [hosts]", shown(node)));
            return;
        }
        for (const auto& [name, place, members] : *table) {
            std::optional<std::vector<std::string>> texts = texts_of(members);
            if (!texts || texts->empty())
                complain(members.place,
                         fmt::format("{} cannot be {}; write a MAC address, its beginning like "
                                     "\"52:54:00:*\", a name, or a list of these",
                                     printable(name), shown(members)));
            else if (!result_.configuration.hosts.emplace(name, std::move(*texts)).second)
                complain(place,
                         fmt::format("the host '{}' is given twice; keep one of them", printable(name)));
            host_origins_.emplace(name, Origin{document_, members.place});
        }
    }

    void read_target(const Node& node) {
        const auto* table = std::get_if<Table>(&node.value);
        if (table == nullptr) {
            complain(node.place, fmt::format("target cannot be {}; write a table, [target]", shown(node)));
            return;
        }
        for (const Member& member : *table) {
            if (!target_keys_.emplace(member.key, document_).second)
                complain(member.place,
                         fmt::format("{} is given twice; keep one of them", printable(member.key)));
        }
        read_options(
            *table, "[target]", target_options().infos(),
            [&](std::size_t number, const Value& value) {
                return target_options().set(result_.configuration.target, number, value, result_.hosts);
            },
            complainer());
    }

    void read_interfaces(const Node& node) {
        for_each_entry(node, interface_key, [&](const Node& entry) {
            InterfaceSpec spec;
            if (!read_interface(entry, spec, complainer()))
                return;
            result_.configuration.interfaces.push_back(std::move(spec));
            result_.interface_origins.push_back({document_, entry.place});
        });
    }

    void read_exports(const Node& node) {
        for_each_entry(node, export_key, [&](const Node& entry) {
            ExportSpec spec;
            if (!read_export(entry, spec, result_.hosts, complainer()))
                return;
            result_.configuration.exports.push_back(std::move(spec));
            result_.export_origins.push_back({document_, entry.place});
        });
    }

    void for_each_entry(const Node& node, std::string_view key,
                        const std::function<void(const Node&)>& read_one) {
        if (const auto* list = std::get_if<List>(&node.value))
            std::ranges::for_each(*list, read_one);
        else
            complain(node.place,
                     fmt::format("{0} cannot be {1}; write [[{0}]] above each", key, shown(node)));
    }

    void complain(Place place, const std::string& text) {
        result_.complaints.push_back({{document_, place}, text});
    }
    Complain complainer() {
        return [this](Place place, const std::string& text) { complain(place, text); };
    }

    const std::vector<Node>& documents_;
    std::size_t document_ = 0;
    Reading result_;
    std::map<std::string, Origin, std::less<>> host_origins_;
    std::map<std::string, std::size_t, std::less<>> target_keys_;
};

} // namespace

Reading read_documents(const std::vector<Node>& documents) {
    return DocumentReader(documents).read();
}

bool read_interface(const Node& node, InterfaceSpec& spec, const Complain& complain) {
    return read_entry(node, "[[interface]]", interface_options(), spec, {}, complain);
}

bool read_export(const Node& node, ExportSpec& spec, const Hosts& hosts, const Complain& complain) {
    return read_entry(node, "[[export]]", export_options(), spec, hosts, complain);
}

} // namespace cli
