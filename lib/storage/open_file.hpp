// What open_file() checks and tells, also of a file that another process has opened.
#pragma once

#include "storage/claim.hpp"
#include "storage/file_device.hpp"
#include "storage/file_probe.hpp"

#include <aoetarget/block_device.hpp>

#include <cstdint>
#include <string>

namespace aoetarget::storage {

/// Opens a file and finds out everything that a device of it needs to know. Throws as open_file() does.
OpenedFile open_and_describe(const std::string& path, const FileOptions& options, Claiming claiming);

/// Returns the end up to which the file may grow. A write beyond the limit of the process would end it.
std::uint64_t growth_limit(const FileFacts& facts, bool read_only);

/// Throws as open_file() does if the device, or this process, may not be written up to `end_bytes`.
void check_writable(const std::string& path, int fd, const FileFacts& facts, std::uint64_t end_bytes);

/// Returns FileDevice::mode().
std::string describe_mode(const Geometry& geometry, bool direct);

} // namespace aoetarget::storage
