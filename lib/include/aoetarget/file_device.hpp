// Exports of regular files and block devices.
#pragma once

#include <aoetarget/block_device.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace aoetarget {

enum class Cache : std::uint8_t {
    direct, ///< I/O bypasses the page cache (O_DIRECT).
    page,   ///< I/O goes through the page cache of the host.
};

enum class Durability : std::uint8_t {
    /// The target answers a write when it is on stable storage. Only this is safe with Linux initiators,
    /// because they never flush.
    stable,
    /// The target answers a write when the host's cache or the disk's own cache has it; FLUSH CACHE makes it
    /// stable.
    volatile_cache,
};

struct FileOptions {
    /// If unset, the cache is direct if the file supports it and no other export writes to the file through
    /// the page cache; else it is page, and `FileDevice::notes()` says so. It is an error to ask for `direct`
    /// if the file does not support it, or for a cache that another export that writes to the file does not
    /// use.
    std::optional<Cache> cache;
    Durability durability = Durability::stable;
    bool read_only = false;
    /// Initiators can trim sectors, if the file system or the disk can free their space. If this is false,
    /// the device takes no discards (Geometry::discard), and the file or disk keeps all of its space.
    bool discard = true;
    /// The window of the file to export, in bytes. Both must be multiples of 512. A length of 0 means up to
    /// the end of the file, wherever that is by Target::resize_export().
    std::uint64_t offset_bytes = 0;
    std::uint64_t length_bytes = 0;
    /// Shares the lock of a device of this process that has the same file open, if that one keeps it from
    /// having its own, because their windows overlap. This is for a device that replaces that one
    /// (Target::replace_device()). As long as both are open, the lock is what both need; what only one needs
    /// ends with it.
    bool replaces = false;
    /// Opens a block device even if it is mounted or otherwise in use. Two writers destroy each other's data.
    bool force = false;

    bool operator==(const FileOptions&) const = default;
};

/// An opened file or block device. It does its I/O through the ring of the target to which it is added. The
/// kernel starts a worker thread for each request that a disk leaves unanswered, several hundred in bad
/// cases: RLIMIT_NPROC and a container's pids.max must leave room for them, or other exports wait for that
/// disk too.
class FileDevice : public BlockDevice {
  public:
    /// Returns the mode as human-readable text, for example "direct, stable".
    [[nodiscard]] virtual std::string mode() const = 0;
    /// Returns human-readable sentences about limits that open_file() met, for example that it fell back to
    /// the page cache, or that the end of the file is not exported.
    [[nodiscard]] virtual const std::vector<std::string>& notes() const = 0;
};

/// Opens `path` and takes exclusive use of the window: it locks the range of the file, and opens a block
/// device with O_EXCL. All windows of a block device in this process share that exclusive use, on any thread,
/// until the last one is closed. All writable windows of a file must use the same cache, because the kernel
/// would lose data if some writes bypassed the page cache and others did not. A read-only export shares the
/// file with other readers: its lock only keeps away writers that check locks, and its block device must not
/// be in exclusive use by another process when it is opened, but may be later. The target does not read ahead
/// if other programs may change the data nevertheless: with `force`, without a lock, on a read-only block
/// device, on a loop device, and on a file or device that has a loop device over it. This call may block:
/// make it before the target's loop starts, or on another thread. The caller owns the result until it passes
/// it to Target::add_export(). Throws std::system_error with the path, the cause and the cure.
std::unique_ptr<FileDevice> open_file(const std::string& path, const FileOptions& options = {});

/// Returns the identity() of the device that open_file() would make, if `path` names a block device with a
/// UUID, WWN or serial number of its own; else an empty text. It opens nothing, so the present user of the
/// disk does not notice. A host that asks before it opens a disk, and from time to time after
/// EventKind::device_vanished, knows when that disk is back, whatever node it has now, and passes it to
/// Target::replace_device(). Without such a name another disk of the same size would look the same. A host
/// that has no rights to open disks any more gets the device from a process that has: see hand_over.hpp.
std::string find_own_identity(const std::string& path, const FileOptions& options = {});

} // namespace aoetarget
#pragma GCC visibility pop
