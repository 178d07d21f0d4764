// Exclusive use of an exported file or device: a lock on the window of the file, and O_EXCL on a block
// device.
#pragma once

#include "ring/file_descriptor.hpp"
#include "storage/lock_holder.hpp"

#include <aoetarget/file_device.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>

namespace aoetarget::storage {

struct ExclusiveUse;
struct GiveBack {
    void operator()(ExclusiveUse* use) const;
};
/// Shares the exclusive use of a block device. The kernel grants that to one open file; the exports of this
/// process, on any thread, share the file until the last of them is gone.
using DeviceClaim = std::unique_ptr<ExclusiveUse, GiveBack>;

struct Claim {
    std::shared_ptr<LockHolder> holder;
    OwnShare share; ///< Null until the window is locked, which another process does with Claiming::elsewhere.
    DeviceClaim device; ///< Null if the file is no block device, is only read, or is opened with force.
};

/// Returns the descriptor that has the exclusive use, or -1 if there is none. The claim owns it.
[[nodiscard]] int exclusive_descriptor(const Claim& claim);

enum class Claiming : std::uint8_t {
    here,
    elsewhere, ///< The process to which the file is sent takes the lock, and has the exclusive use already if
               ///< FileOptions::replaces is set.
    nowhere,   ///< The file is only looked at: it is opened for reading, and nothing is taken.
};

/// Opens `path`, and takes exclusive use of a block device, if that is to be here. If the device is only
/// read, this only checks that no other process had exclusive use of it at that moment. Throws as open_file()
/// does.
Claim claim_file(const std::string& path, const FileOptions& options, Claiming claiming);

/// A claim of another process, as it has sent it.
struct SentClaim {
    ring::FileDescriptor holder{}; ///< Has the locks, or is there to take them.
    ring::FileDescriptor
        exclusive{}; ///< Has the exclusive use of a block device. Not valid if there is none.
    LockShare share{};
    bool relies_on_lock = false; ///< It is refused on a file system without locks.
    bool replaces = false;       ///< It shares what a device of this process has.
};

/// Makes the claim that another process has sent, and takes its locks again: that succeeds if they are held
/// as they should be, or if nobody has them. If it replaces a device of this process that has the same file
/// open, it also succeeds if that one has them, and shares its exclusive use. Throws std::system_error: EBUSY
/// if another open file has the locks, EBADMSG if it lacks the exclusive use.
Claim adopt_claim(const std::string& path, SentClaim sent);

/// Returns whether another device has the same lock and one of the two writes, so that one has to replace the
/// other.
[[nodiscard]] bool shares_lock(const Claim& claim);

/// Gives the claim the file for its locks, which another process has opened. Throws std::system_error (EBUSY)
/// if it is an open file that another device of this process was given.
void take_lock_file(const std::string& path, Claim& claim, ring::FileDescriptor file);

/// Opens the claimed file once more. Throws as open_file() does.
ring::FileDescriptor open_claimed(const std::string& path, int access, const Claim& claim);

/// Locks the window. If options.replaces is set and a device of this process has a part of it, the claim
/// shares the locks of that one. Returns false, and adds a note, if the file system has no locks. Throws if
/// another export or program has a part of the window.
bool lock_window(const std::string& path, Claim& claim, std::uint64_t offset_bytes,
                 std::uint64_t length_bytes, const FileOptions& options, std::vector<std::string>& notes);

/// Returns the lock of another open file that lock_window() would meet, or nothing.
std::optional<struct flock> find_rival_lock(const Claim& claim, std::uint64_t offset_bytes,
                                            std::uint64_t length_bytes, bool read_only);

/// Returns the text with which lock_window() refuses a window that has this lock.
std::string rival_text(const std::string& path, const Claim& claim, const struct flock& lock);

/// See join_writers() of storage/lock_holder.hpp.
bool join_writers(const std::string& path, const Claim& claim, Cache cache);

} // namespace aoetarget::storage
