// Opening a file or a disk for a device: the options, what the device says of it, and how it is refused.
#pragma once

#include "support/catch.hpp"
#include "support/refusal.hpp"
#include "support/wire.hpp"

#include <aoetarget/file_device.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace aoetest {

inline aoetarget::FileOptions window(std::uint64_t first_sector, std::uint64_t sectors,
                                     bool read_only = false) {
    aoetarget::FileOptions options;
    options.offset_bytes = first_sector * sector_bytes;
    options.length_bytes = sectors * sector_bytes;
    options.read_only = read_only;
    return options;
}

inline aoetarget::FileOptions with_cache(aoetarget::FileOptions options, aoetarget::Cache cache) {
    options.cache = cache;
    return options;
}

/// Also checks that the refusal names the file, in one line.
inline Refusal refusal(const std::string& path, const aoetarget::FileOptions& options = {}) {
    const Refusal refused = refusal_of([&] { aoetarget::open_file(path, options); });
    if (refused.error != 0) {
        CHECK(refused.says(path));
        CHECK_FALSE(refused.says("\n"));
    }
    return refused;
}

inline bool notes_say(const aoetarget::FileDevice& device, const std::string& words) {
    return std::ranges::any_of(
        device.notes(), [&](const std::string& note) { return note.find(words) != std::string::npos; });
}

/// Returns whether nobody has the exclusive use of a disk, as a mount would.
inline bool is_free(const std::string& disk) {
    const int file = open(disk.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC);
    close(file);
    return file >= 0;
}

} // namespace aoetest
