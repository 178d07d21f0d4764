// Divides between entries, and puts together again.
#include "config/parts.hpp"

#include "usage_error.hpp"

#include <nlohmann/json.hpp>

namespace cli {

using nlohmann::json;

std::vector<json> split_configuration(const json& whole, std::size_t bytes) {
    std::vector<json> parts{json::object()};
    std::size_t used = 0;
    const auto make_room = [&](const json& entry) {
        const std::size_t size = entry.dump().size() + 64; // with its key
        if (used > 0 && used + size > bytes) {
            parts.push_back(json::object());
            used = 0;
        }
        used += size;
    };
    for (const auto& [key, value] : whole.items()) {
        for (const auto& [name, entry] : value.items()) {
            make_room(entry);
            if (value.is_array())
                parts.back()[key].push_back(entry);
            else
                parts.back()[key][name] = entry;
        }
    }
    return parts;
}

void join_part(json& whole, const json& part) {
    if (whole.is_null())
        whole = json::object();
    if (!whole.is_object() || !part.is_object())
        throw ConfigurationError({"a configuration in JSON is an object"});
    for (const auto& [key, value] : part.items()) {
        json& present = whole[key];
        if (present.is_array() && value.is_array())
            present.insert(present.end(), value.begin(), value.end());
        else if (present.is_object() && value.is_object())
            present.update(value);
        else
            present = value;
    }
}

} // namespace cli
