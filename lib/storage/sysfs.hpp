// Attributes of block devices, from sysfs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace aoetarget::storage {

/// One line, without spaces around it. Empty where the device or the attribute does not exist, or says
/// nothing.
std::optional<std::string> block_attribute(dev_t device, std::string_view name);

/// The same of the whole disk, where the device is a partition.
std::optional<std::string> disk_attribute(dev_t device, std::string_view name);

/// The same as a number; 0 where there is none.
std::uint64_t disk_number(dev_t device, std::string_view name);

/// The files and block devices that have loop devices over them.
std::vector<std::string> loop_files();

} // namespace aoetarget::storage
