// Formats units and unprintable bytes, and writes lines to standard error.
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

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

std::string counted(std::size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
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

std::string shell_word(std::string_view text) {
    constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=+@%";
    if (!text.empty() && text.find_first_not_of(plain) == std::string_view::npos)
        return std::string(text);
    std::string word = "'";
    for (const char c : text)
        word += c == '\'' ? R"('\'')" : std::string(1, c);
    return word + "'";
}

std::string joined(std::span<const std::string> parts, std::string_view separator) {
    std::string all;
    for (std::size_t i = 0; i < parts.size(); ++i)
        all.append(i == 0 ? "" : separator).append(parts[i]);
    return all;
}

/// The service manager puts the device and inode of the stream that it connected into $JOURNAL_STREAM
/// (systemd.exec(5)).
bool journal_reads_errors() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    return stream != nullptr && fstat(STDERR_FILENO, &status) == 0 &&
           fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

std::string with_priority(std::string_view lines, Priority priority) {
    std::string all;
    for (std::size_t begin = 0; begin < lines.size();) {
        const std::size_t end = std::min(lines.find('\n', begin), lines.size() - 1) + 1;
        all += fmt::format("<{}>{}", static_cast<int>(priority), lines.substr(begin, end - begin));
        begin = end;
    }
    return all;
}

void say(const std::string& text) {
    std::fputs(text.c_str(), stderr);
}

void say(Priority priority, const std::string& lines) {
    say(journal_reads_errors() ? with_priority(lines, priority) : lines);
}

} // namespace cli
