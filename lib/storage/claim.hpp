// Exclusive use of what is exported: a lock on the window of the file, and O_EXCL on a block device.
#pragma once

#include "ring/file_descriptor.hpp"

#include <aoetarget/file_device.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace aoetarget::storage {

struct ExclusiveUse;
struct GiveBack {
    void operator()(ExclusiveUse* use) const;
};
/// Of a block device. The kernel grants it to one open file; the exports of this process share that, until
/// the last of them is gone. On any thread.
using DeviceClaim = std::unique_ptr<ExclusiveUse, GiveBack>;

struct Claim {
    ring::FileDescriptor file; ///< Holds the locks, and nothing is done through it.
    DeviceClaim device; ///< Null where the file is no block device, is only read, or is taken by force.
};

/// A descriptor that has the exclusive use; -1: there is none. The claim owns it.
[[nodiscard]] int exclusive_descriptor(const Claim& claim);

/// Opens `path` with exclusive use of a block device, or, if it is only read, with the certainty that nobody
/// but this process had that when it was opened. Throws as open_file() does.
Claim claim_file(const std::string& path, const FileOptions& options);

/// Opens the file that was claimed once more. Throws as open_file() does.
ring::FileDescriptor open_claimed(const std::string& path, int access, const Claim& claim);

/// Open file description locks: they are tied to the claim, not to the process, and so keep exports of one
/// process apart too. False: there is none, and a note says so. Throws where somebody else has the window.
bool lock_window(const std::string& path, const Claim& claim, std::uint64_t offset_bytes,
                 std::uint64_t length_bytes, bool read_only, std::vector<std::string>& notes);

/// All who write to a file have to go through the page cache, or all past it: false where another export
/// goes the other way. The claim keeps such others off from then on. The file can be locked.
bool join_writers(const std::string& path, const Claim& claim, Cache cache);

} // namespace aoetarget::storage
