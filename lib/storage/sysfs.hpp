// Attributes of block devices, from sysfs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace aoetarget::storage {

/// Returns the first line of a file, without spaces around it, or nothing if it does not exist or is empty.
std::optional<std::string> read_attribute(const std::string& path);

/// Does the same for an attribute of a block device.
std::optional<std::string> block_attribute(dev_t device, std::string_view name);

/// Does the same for the whole disk if the device is a partition.
std::optional<std::string> disk_attribute(dev_t device, std::string_view name);

/// Does the same for a number, and returns 0 if there is none.
std::uint64_t disk_number(dev_t device, std::string_view name);

struct LoopDevice {
    std::string name; ///< "loop0"
    std::string backing_file;
};

/// Returns the loop devices that lie over a file or block device. `sys` is where sysfs is mounted.
std::vector<LoopDevice> loop_devices(const std::string& sys = "/sys");

} // namespace aoetarget::storage
