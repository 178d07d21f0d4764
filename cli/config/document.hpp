// A configuration as a tree: what TOML and JSON have in common, before anybody has looked at its meaning.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cli {

/// Where something stands in a text. The first line and the first column are 1; 0 means that nobody knows.
struct Place {
    unsigned line = 0;
    unsigned column = 0;

    auto operator<=>(const Place&) const = default;
};

struct Node;
struct Member;
using List = std::vector<Node>;
using Table = std::vector<Member>;

/// What no option can have: a fraction, a date. The text is how the file has it.
struct Foreign {
    std::string text;
};

struct Node {
    Place place = {};
    std::variant<bool, std::int64_t, std::string, List, Table, Foreign> value;
};

struct Member {
    std::string key;
    Place place; ///< of the key
    Node node;
};

/// The names of the parts of a configuration.
inline constexpr std::string_view target_key = "target", hosts_key = "hosts", interface_key = "interface",
                                  export_key = "export";

} // namespace cli
