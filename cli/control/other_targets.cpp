// Looks which sockets of the folder somebody listens on.
#include "control/other_targets.hpp"

#include "control/control_socket.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

namespace cli {
namespace {

namespace fs = std::filesystem;

/// Returns the option that leads to this socket.
std::string option_for(const fs::path& socket) {
    const std::string name = socket.stem().string();
    try {
        if (control_path(name) == socket.string())
            return fmt::format("--name {}", name);
    } catch (const UsageError&) { // no target can have this name
    }
    return fmt::format("--control {}", shell_word(socket.string()));
}

} // namespace

std::string other_targets(const std::string& path) {
    std::vector<std::string> found;
    std::error_code error;
    const fs::path folder = fs::path(path).parent_path();
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        const fs::path& socket = entry->path();
        if (socket.extension() == ".sock" && socket != path && is_listened_to(socket.string()))
            found.push_back(
                fmt::format("{} ({})", printable(socket.stem().string()), printable(option_for(socket))));
    }
    std::ranges::sort(found);
    return found.empty() ? "" : fmt::format("targets of other names run: {}", joined(found, ", "));
}

} // namespace cli
