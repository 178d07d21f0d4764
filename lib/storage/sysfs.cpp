#include "storage/sysfs.hpp"

#include <fmt/format.h>

#include <charconv>
#include <fstream>

#include <sys/sysmacros.h>

namespace aoetarget::storage {

std::optional<std::string> block_attribute(dev_t device, std::string_view name) {
    std::ifstream file(fmt::format("/sys/dev/block/{}:{}/{}", major(device), minor(device), name));
    std::string line;
    std::getline(file, line);
    const auto first = line.find_first_not_of(' ');
    if (first == std::string::npos)
        return std::nullopt;
    return line.substr(first, line.find_last_not_of(' ') - first + 1);
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

} // namespace aoetarget::storage
