// The folders and symbolic links on the way to a file.
#pragma once

#include <string>
#include <vector>

namespace aoetarget::storage {

/// Returns the path of each folder and each symbolic link through which the kernel finds `path`, which begins
/// at the root, and of what it finds. Where a link cannot be read, the way that it leads is left out.
std::vector<std::string> path_parts(const std::string& path);

} // namespace aoetarget::storage
