// The configuration file of ggaoed: groups of keys and values. [defaults] and [acls] are special, groups with
// an address or a disk are exports, and all others are interfaces.
#include "verbs/import.hpp"

#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <sstream>

#include <netinet/ether.h>

namespace cli {
namespace {

struct Key {
    std::string name;
    std::string value;
};

struct Group {
    std::string name;
    std::vector<Key> keys;

    [[nodiscard]] const std::string* find(std::string_view key) const {
        const auto found = std::ranges::find(keys, key, &Key::name);
        return found == keys.end() ? nullptr : &found->value;
    }
};

std::string trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    const std::size_t begin = std::min(text.find_first_not_of(blanks), text.size());
    return std::string(text.substr(begin, text.find_last_not_of(blanks) + 1 - begin));
}

std::vector<Group> parse_groups(std::string_view name, const std::string& text) {
    std::vector<Group> groups;
    std::istringstream lines(text);
    unsigned number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        line = trimmed(line);
        const std::size_t equals = line.find('=');
        if (line.empty() || line.front() == '#')
            continue;
        if (line.front() == '[' && line.back() == ']')
            groups.push_back({line.substr(1, line.size() - 2), {}});
        else if (equals != std::string::npos && !groups.empty())
            groups.back().keys.push_back({trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1))});
        else
            throw UsageError(
                fmt::format("{}:{}: '{}' is neither a [group] nor KEY = VALUE in one, so this is not a "
                            "configuration of ggaoed",
                            name, number, printable(line)));
    }
    return groups;
}

/// Takes a list apart at its commas.
std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> parts;
    std::istringstream rest(list);
    for (std::string part; std::getline(rest, part, ',');) {
        if (part = trimmed(part); !part.empty())
            parts.push_back(part);
    }
    return parts;
}

std::optional<unsigned> number_in(const std::string* text, unsigned max) {
    unsigned number = 0;
    if (text == nullptr)
        return std::nullopt;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size() || number > max)
        return std::nullopt;
    return number;
}

/// As ggaoed reads them, with or without leading zeros.
std::optional<aoetarget::MacAddress> mac_of(const std::string& text) {
    ether_addr address{};
    if (ether_aton_r(text.c_str(), &address) == nullptr)
        return std::nullopt;
    aoetarget::MacAddress mac;
    std::ranges::copy(address.ether_addr_octet, mac.bytes.begin());
    return mac;
}

class GgaoedImport {
  public:
    explicit GgaoedImport(std::vector<Group> groups) : groups_(std::move(groups)) {}

    Translation result() {
        for_each_group("acls", [&](const Group& group) { add_hosts(group); });
        hosts_ = Hosts(configuration().hosts, [&](const std::string& name, const std::string& error) {
            imported_.remark("[acls] " + name, error);
        });
        for_each_group("defaults", [&](const Group& group) { add_defaults(group); });
        if (configuration().interfaces.empty()) {
            configuration().interfaces.push_back({"*", {}});
            imported_.remark("[defaults]", "it names no interfaces, so ggaoed served on all");
        }
        for (const Group& group : groups_) {
            if (group.name == "acls" || group.name == "defaults")
                continue;
            if (is_export(group))
                add_export(group);
            else
                add_interface(group);
        }
        if (!configuration().exports.empty())
            imported_.remark("durability",
                             "ggaoed answers a write before it is on stable storage, and so does "
                             "durability = \"volatile\"; take that out for data that matters");
        return imported_.result("Made by 'aoetarget import ggaoed'.");
    }

  private:
    Configuration& configuration() { return imported_.configuration; }

    void for_each_group(std::string_view name, const std::function<void(const Group&)>& add) {
        for (const Group& group : groups_) {
            if (group.name == name)
                add(group);
        }
    }

    /// Tells which keys of a group have no counterpart, and why.
    void remark_on_rest(const Group& group, std::span<const std::string_view> taken) {
        static const std::map<std::string, std::string_view, std::less<>> reasons = {
            {"queue-length", "'buffers' of [[interface]] comes nearest: it tells initiators how many "
                             "requests they may send at once"},
            {"buffers", "the target chooses the size of its buffers itself"},
            {"ring-buffer-size", "the target chooses the size of its buffers itself"},
            {"send-buffer-size", "the target chooses the size of its buffers itself"},
            {"receive-buffer-size", "the target chooses the size of its buffers itself"},
            {"max-delay", "requests are merged without delay"},
            {"merge-delay", "requests are merged without delay"},
            {"trace-io", "requests are not logged; tcpdump shows them"},
            {"pid-file", "the target stays in the foreground, where a service manager knows it"},
            {"control-socket", "the target has another protocol"},
            {"state-directory",
             "its files have another form; state-dir of [target] names a folder for new ones"},
            {"broadcast",
             "the target broadcasts advertisements if allow has patterns, and otherwise sends them to "
             "those who are allowed"},
        };
        for (const auto& [name, value] : group.keys) {
            if (std::ranges::find(taken, name) != taken.end())
                continue;
            const auto reason = reasons.find(name);
            imported_.remark(fmt::format("[{}]", group.name),
                             fmt::format("{} = {} has no counterpart: {}", name, value,
                                         reason == reasons.end()
                                             ? "ggaoed has no such option, so check its spelling"
                                             : reason->second));
        }
    }

    /// Returns the elements of an access list that can be understood.
    std::vector<std::string> members_of(const Group& group, const Key& key) {
        std::vector<std::string> members;
        for (const std::string& part : split(key.value)) {
            ether_addr found{};
            if (const auto mac = mac_of(part))
                members.push_back(to_string(*mac));
            else if (configuration().hosts.contains(part))
                members.push_back(part);
            else if (ether_hostton(part.c_str(), &found) == 0)
                members.push_back(to_string(aoetarget::MacAddress{std::to_array(found.ether_addr_octet)}));
            else
                imported_.remark(
                    fmt::format("[{}]", group.name),
                    fmt::format("{} has {}, which is neither a MAC address, nor a list above, nor a name "
                                "of /etc/ethers, so it is left out",
                                key.name, part));
        }
        return members;
    }

    void add_hosts(const Group& group) {
        for (const Key& key : group.keys) {
            std::vector<std::string> members = members_of(group, key);
            if (members.empty())
                imported_.remark("[acls]", fmt::format("{} is empty, so it is left out", key.name));
            else
                configuration().hosts.emplace(key.name, std::move(members));
        }
    }

    void add_defaults(const Group& group) {
        static constexpr std::string_view taken[] = {"interfaces", "direct-io", "mtu"};
        if (const std::string* interfaces = group.find("interfaces")) {
            for (const std::string& name : split(*interfaces)) {
                configuration().interfaces.push_back({name, {}});
                set_mtu(group, configuration().interfaces.back());
            }
        }
        if (const std::string* direct = group.find("direct-io"))
            is_direct_ = *direct != "false";
        remark_on_rest(group, taken);
    }

    void add_interface(const Group& group) {
        static constexpr std::string_view taken[] = {"mtu"};
        auto& interfaces = configuration().interfaces;
        auto spec = std::ranges::find(interfaces, group.name, &InterfaceSpec::name);
        if (spec == interfaces.end() && group.find("mtu") != nullptr)
            spec = interfaces.insert(spec, {group.name, {}}); // a pattern has it
        if (spec != interfaces.end())
            set_mtu(group, *spec);
        remark_on_rest(group, taken);
    }

    void set_mtu(const Group& group, InterfaceSpec& spec) {
        constexpr unsigned header_bytes = 36, max_sectors = 255, max_mtu = 65535, page_sectors = 8;
        const auto mtu = number_in(group.find("mtu"), max_mtu);
        if (!mtu || *mtu < header_bytes)
            return;
        const unsigned fitting = std::clamp(
            static_cast<unsigned>((*mtu - header_bytes) / aoetarget::sector_bytes), 1U, max_sectors);
        // As sectors-per-frame=auto does, so that frames stay aligned to 4 KiB.
        spec.options.sectors_per_frame = fitting > page_sectors ? fitting - fitting % page_sectors : fitting;
    }

    static bool is_export(const Group& group) {
        static constexpr std::string_view keys[] = {"shelf", "slot", "path", "uuid"};
        return std::ranges::any_of(keys, [&](std::string_view key) { return group.find(key) != nullptr; });
    }

    /// Returns which key of an export is wrong or missing, or nothing.
    static std::string fault_of(const Group& group) {
        for (const auto& [key, max] : {std::pair("shelf", unsigned{aoetarget::Address::max_shelf}),
                                       std::pair("slot", unsigned{aoetarget::Address::max_slot})}) {
            const std::string* value = group.find(key);
            if (value == nullptr)
                return fmt::format("it has no {}", key);
            if (!number_in(value, max))
                return fmt::format("{} = {} is no number from 0 to {}", key, *value, max);
        }
        if (group.find("path") != nullptr && group.find("uuid") != nullptr)
            return "it has both path and uuid";
        if (group.find("path") == nullptr && group.find("uuid") == nullptr)
            return "it has neither path nor uuid";
        return {};
    }

    void add_export(const Group& group) {
        static constexpr std::string_view taken[] = {"shelf",      "slot",   "path", "uuid",     "direct-io",
                                                     "interfaces", "accept", "deny", "read-only"};
        const std::string part = fmt::format("[{}]", group.name);
        if (const std::string fault = fault_of(group); !fault.empty()) {
            imported_.leave_out(part, fmt::format("{}, so it is left out", fault));
            return;
        }
        const auto shelf = number_in(group.find("shelf"), aoetarget::Address::max_shelf);
        const auto slot = number_in(group.find("slot"), aoetarget::Address::max_slot);
        const std::string *path = group.find("path"), *uuid = group.find("uuid");
        ExportSpec spec;
        spec.options.address = {static_cast<std::uint16_t>(*shelf), static_cast<std::uint8_t>(*slot)};
        spec.path = path != nullptr ? *path : "/dev/disk/by-uuid/" + *uuid;
        const std::string* direct = group.find("direct-io");
        if (direct != nullptr ? *direct == "false" : !is_direct_)
            spec.file.cache = aoetarget::Cache::page;
        const std::string* read_only = group.find("read-only");
        spec.file.read_only = read_only != nullptr && *read_only == "true";
        if (!spec.file.read_only)
            spec.file.durability = aoetarget::Durability::volatile_cache;
        if (const std::string* interfaces = group.find("interfaces"))
            spec.options.interfaces = split(*interfaces);
        remark_on_rest(group, taken);
        if (std::ranges::any_of(configuration().exports, [&](const ExportSpec& other) {
                return other.options.address == spec.options.address;
            }))
            imported_.leave_out(part, "another export has its address, so it is a comment below", spec);
        else
            add_if_closed(group, part, spec);
    }

    /// What ggaoed refused, nobody else should get.
    void add_if_closed(const Group& group, const std::string& part, ExportSpec& spec) {
        if (const std::string* accept = group.find("accept"); accept != nullptr && !split(*accept).empty()) {
            spec.allow = members_of(group, {"accept", *accept});
            if (spec.allow.empty()) {
                imported_.leave_out(part, "none of those whom it accepts is known, so it is a comment below",
                                    spec);
                return;
            }
            spec.options.allow = hosts_.resolve("accept", spec.allow);
        }
        if (const std::string* deny = group.find("deny"); deny != nullptr && !split(*deny).empty()) {
            imported_.leave_out(
                part,
                fmt::format("deny = {} has no counterpart, so it is a comment below; allow must name "
                            "those who may use it",
                            *deny),
                spec);
            return;
        }
        configuration().exports.push_back(spec);
    }

    std::vector<Group> groups_;
    Imported imported_;
    Hosts hosts_;
    bool is_direct_ = true;
};

} // namespace

Translation import_ggaoed(std::string_view name, const std::string& text) {
    return GgaoedImport(parse_groups(name, text)).result();
}

} // namespace cli
