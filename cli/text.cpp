// Units, bytes that are not printable, and how a line gets to standard error.
#include "text.hpp"

#include <fmt/format.h>

#include <cstdio>

#include <array>

namespace cli {

std::string human_size(std::uint64_t bytes) {
    constexpr std::array units{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    constexpr double rounds_to_next_unit = 1023.95;
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= rounds_to_next_unit && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    std::string number = fmt::format("{:.1f}", value);
    if (number.ends_with(".0"))
        number.resize(number.size() - 2);
    return fmt::format("{} {}", number, units[unit]);
}

std::string printable(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        if (c == '\\')
            text += "\\\\";
        else if (c >= ' ' && c <= '~')
            text += c;
        else
            text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    return text;
}

std::string single_line(std::string_view text) {
    std::string line(text);
    for (char& c : line) {
        if (static_cast<unsigned char>(c) < ' ' || c == '\x7F')
            c = ' ';
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
}

void say(const std::string& text) {
    std::fputs(text.c_str(), stderr);
}

} // namespace cli
