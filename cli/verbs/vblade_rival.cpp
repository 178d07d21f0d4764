// Reads the command lines of all processes.
#include "verbs/vblade_rival.hpp"

#include "same_file.hpp"
#include "usage_error.hpp"
#include "verbs/vblade.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <unistd.h>

namespace cli {
namespace {

namespace fs = std::filesystem;

Arguments command_line(const fs::path& process) {
    Arguments words;
    std::ifstream file(process / "cmdline");
    for (std::string word; std::getline(file, word, '\0');)
        words.push_back(word);
    return words;
}

/// Returns what the process serves if it is one of `vblade`, called by either name.
std::optional<Configuration> what_vblade_serves(Arguments words) {
    constexpr std::string_view verb = "vblade";
    const auto is_verb = [&](std::size_t place) {
        return words.size() > place && fs::path(words[place]).filename() == verb;
    };
    const std::size_t place = is_verb(0) ? 0 : 1;
    if (!is_verb(place))
        return std::nullopt;
    words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(place) + 1);
    try {
        return parse_vblade(words);
    } catch (const UsageError&) {
        return std::nullopt;
    }
}

} // namespace

std::optional<VbladeRival> find_vblade_rival(const std::string& file) {
    std::error_code error; // processes end meanwhile, and some are out of reach
    for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        int process = 0;
        const auto [rest, fault] = std::from_chars(name.data(), name.data() + name.size(), process);
        if (fault != std::errc{} || *rest != '\0' || process == getpid())
            continue;
        const auto served = what_vblade_serves(command_line(entry->path()));
        if (served && are_same_file(entry->path() / "cwd" / served->exports.front().path, file))
            return VbladeRival{process, served->interfaces.front().name,
                               served->exports.front().options.address};
    }
    return std::nullopt;
}

} // namespace cli
