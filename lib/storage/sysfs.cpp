// Finds the attributes of a device in sysfs, and those of the disk of which it is a part.
#include "storage/sysfs.hpp"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include <sys/sysmacros.h>

namespace aoetarget::storage {

std::optional<std::string> read_attribute(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    const auto first = line.find_first_not_of(' ');
    if (first == std::string::npos)
        return std::nullopt;
    return line.substr(first, line.find_last_not_of(' ') - first + 1);
}

std::optional<std::string> block_attribute(dev_t device, std::string_view name) {
    return read_attribute(fmt::format("/sys/dev/block/{}:{}/{}", major(device), minor(device), name));
}

std::optional<std::string> disk_attribute(dev_t device, std::string_view name) {
    if (block_attribute(device, "partition"))
        return block_attribute(device, fmt::format("../{}", name));
    return block_attribute(device, name);
}

std::uint64_t disk_number(dev_t device, std::string_view name) {
    std::uint64_t number = 0;
    if (const auto text = disk_attribute(device, name))
        std::from_chars(text->data(), text->data() + text->size(), number);
    return number;
}

std::vector<LoopDevice> loop_devices(const std::string& sys) {
    std::vector<LoopDevice> devices;
    std::error_code error; // without sysfs the list stays empty
    for (std::filesystem::directory_iterator disk(sys + "/block", error), end; !error && disk != end;
         disk.increment(error)) {
        std::ifstream backing(disk->path().string() + "/loop/backing_file");
        if (std::string file; std::getline(backing, file)) // not trimmed: a name may end in a space
            devices.push_back({disk->path().filename().string(), std::move(file)});
    }
    return devices;
}

} // namespace aoetarget::storage
