// Follows a path as the kernel does.
#include "storage/path_parts.hpp"

#include <filesystem>
#include <list>
#include <system_error>

namespace aoetarget::storage {

namespace fs = std::filesystem;

std::vector<std::string> path_parts(const std::string& path) {
    constexpr int most_links = 40; // the kernel follows no more
    int links = 0;
    std::vector<std::string> parts;
    const auto names_of = [](const fs::path& whole) {
        const fs::path relative = whole.relative_path();
        return std::list<fs::path>(relative.begin(), relative.end());
    };
    fs::path at = "/";
    for (std::list<fs::path> names = names_of(path); !names.empty();) {
        const fs::path name = names.front();
        names.pop_front();
        if (name.empty() || name == ".")
            continue;
        if (name == "..") {
            at = at.parent_path();
            continue;
        }
        const fs::path here = at / name;
        parts.push_back(here.string());
        std::error_code is_no_link;
        const fs::path target = fs::read_symlink(here, is_no_link);
        if (is_no_link || ++links > most_links) {
            at = here;
            continue;
        }
        if (target.is_absolute())
            at = "/";
        names.splice(names.begin(), names_of(target));
    }
    return parts;
}

} // namespace aoetarget::storage
