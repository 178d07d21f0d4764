// Escapes and unescapes the bytes of a path.
#include "config/path_text.hpp"

#include "config/json.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <charconv>

namespace cli {
namespace {

constexpr std::string_view scheme = "file:";

std::string unescaped(std::string_view name, std::string_view text) {
    std::string path;
    for (std::size_t i = scheme.size(); i < text.size(); ++i) {
        if (text[i] != '%') {
            path += text[i];
            continue;
        }
        const std::string_view digits = text.substr(i + 1, 2);
        unsigned char byte = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
        if (digits.size() != 2 || error != std::errc() || end != digits.data() + digits.size())
            throw UsageError(
                fmt::format("{} cannot be '{}'; after file: write a percent sign as %25, and any "
                            "other byte as % and two hexadecimal digits",
                            name, printable(text)));
        path += static_cast<char>(byte);
        i += digits.size();
    }
    return path;
}

} // namespace

std::string path_text(const std::string& path) {
    if (is_utf8(path) && !path.starts_with(scheme))
        return path;
    std::string text(scheme);
    for (const char c : path) {
        if (c > ' ' && c <= '~' && c != '%')
            text += c;
        else
            text += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return text;
}

std::string parse_path(std::string_view name, std::string_view text) {
    return text.starts_with(scheme) ? unescaped(name, text) : std::string(text);
}

} // namespace cli
