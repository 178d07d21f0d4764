// The locks on windows of files. They are those of open file descriptions, which belong to a file and not to
// the process, so they keep exports of one process apart too.
#pragma once

#include "ring/file_descriptor.hpp"

#include <aoetarget/file_device.hpp>

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

namespace aoetarget::storage {

/// Identifies a file or device node. Locks belong to the node, so an export that names a device by another
/// node does not share them.
using Inode = std::pair<dev_t, ino_t>;

/// No window reaches beyond this offset. The bytes from there on are for other locks than those of windows.
constexpr std::uint64_t end_of_windows = 1ULL << 62;

/// What one device needs of the locks.
struct LockShare {
    std::uint64_t offset_bytes = 0;
    std::uint64_t length_bytes = 0;
    bool read_only = false;
    /// Keeps exports off the file that write to it through the other cache: see join_writers().
    std::optional<Cache> writes_through = {};

    [[nodiscard]] std::uint64_t end_bytes() const { return offset_bytes + length_bytes; }
};

/// The file that holds the locks; no I/O goes through it. A device and the one that replaces it share it, and
/// the locks are what both need, until one of them is closed. Once it is shared, a mutex guards it, because
/// the devices may be those of several threads.
struct LockHolder {
    ring::FileDescriptor file; ///< Open for writing if a share writes: only so does it get such locks.
    bool is_handed = false;    ///< Another process has opened the file.
    std::list<LockShare> shares = {};
    std::set<std::uint64_t> borders = {}; ///< Where the locks that it has begin and end.
};

struct GiveUp {
    std::shared_ptr<LockHolder> holder;
    void operator()(const LockShare* share) const;
};
/// Gives the share up at its end, and with it the locks that no other share needs.
using OwnShare = std::unique_ptr<LockShare, GiveUp>;

/// Makes it known to find_holders().
void remember(const Inode& inode, const std::shared_ptr<LockHolder>& holder);

/// Returns the lock holders of this process for windows of the file.
std::vector<std::shared_ptr<LockHolder>> find_holders(const Inode& inode);

/// Notes that another process has opened the file. Returns false if it is an open file that this process was
/// handed before, and still has: two devices would share the locks and the flags, and nothing would keep them
/// apart. This cannot be found out on a file system without locks.
bool note_handed(const Inode& inode, LockHolder& holder);

struct flock make_lock(short type, std::uint64_t offset_bytes, std::uint64_t length_bytes);

/// Takes the locks that the share needs. Returns null, with errno, if that cannot be: EBUSY if another export
/// writes through the other cache.
OwnShare take_share(const std::shared_ptr<LockHolder>& holder, const LockShare& share);
/// If the share writes and the file of the holder is open only for reading, the holder takes that of `spare`
/// instead, to which no share belongs, and `spare` gets the holder's. The windows of the holder stay locked.
OwnShare take_share(const std::shared_ptr<LockHolder>& holder, const LockShare& share, LockHolder& spare);
/// Returns a share for a file system without locks.
OwnShare take_share_without_lock(const std::shared_ptr<LockHolder>& holder, const LockShare& share);

/// Returns whether another device has the same lock and one of the two writes.
bool is_shared(const LockHolder& holder, const LockShare& share);

/// What errno says after take_share(). Errors that are neither, as of a filter of system calls, say nothing
/// about who has the lock.
bool is_held_elsewhere(int error);
bool has_no_locks(int error);

/// Makes sure that all shares that write to a file use the page cache, or all bypass it. Returns false if
/// another export uses the other way. Otherwise the share keeps such exports away from then on. Its window
/// must be locked. Throws std::system_error with `path`.
bool join_writers(const std::string& path, LockHolder& holder, LockShare& share, Cache cache);

} // namespace aoetarget::storage
