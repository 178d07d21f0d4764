// Finds options by their names.
#include "config/option.hpp"

#include "config/spelling.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cli {

std::size_t find_option(std::span<const OptionInfo> options, std::string_view name) {
    return static_cast<std::size_t>(std::ranges::find(options, name, &OptionInfo::name) - options.begin());
}

std::string unknown_option(std::string_view what, std::string_view name, std::span<const OptionInfo> options,
                           std::string_view all) {
    std::vector<std::string_view> names;
    for (const OptionInfo& option : options)
        names.push_back(option.name);
    return fmt::format("there is no option '{}'{}; {} can have {}", printable(name), nearest_to(name, names),
                       what, all);
}

std::string text_of(const Value& value) {
    if (const auto* flag = std::get_if<bool>(&value))
        return *flag ? "true" : "false";
    if (const auto* list = std::get_if<std::vector<std::string>>(&value))
        return joined(*list, "+");
    if (const auto* number = std::get_if<std::int64_t>(&value))
        return std::to_string(*number);
    return std::get<std::string>(value);
}

} // namespace cli
