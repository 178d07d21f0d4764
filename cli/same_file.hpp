// Whether two paths name the same file or device.
#pragma once

#include <string>

#include <sys/stat.h>

namespace cli {

/// Returns whether both are there, and the same. std::filesystem::equivalent() finds no two block devices the
/// same.
inline bool are_same_file(const std::string& one, const std::string& other) {
    struct stat its {
    }, others{};
    return stat(one.c_str(), &its) == 0 && stat(other.c_str(), &others) == 0 && its.st_dev == others.st_dev &&
           its.st_ino == others.st_ino;
}

} // namespace cli
