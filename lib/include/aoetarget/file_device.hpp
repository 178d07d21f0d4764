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
    direct, ///< O_DIRECT: the page cache is passed by.
    page,   ///< Through the page cache of the host.
};

enum class Durability : std::uint8_t {
    /// A write is answered when it is on stable storage. The only safe choice with Linux initiators, which
    /// never flush.
    stable,
    /// A write is answered when the host's cache or the disk's own cache has it; FLUSH CACHE makes it stable.
    volatile_cache,
};

struct FileOptions {
    /// Unset: direct where the file takes it and no other export writes to it through the page cache, else
    /// page; `FileDevice::notes()` says so. `direct` on a file that does not take it is an error, and so is
    /// another cache than that of the others who write to the file.
    std::optional<Cache> cache;
    Durability durability = Durability::stable;
    bool read_only = false;
    /// The window of the file that is exported, in bytes; both multiples of 512. A length of 0 means: to the
    /// end.
    std::uint64_t offset_bytes = 0;
    std::uint64_t length_bytes = 0;
    /// Take a block device that is mounted or otherwise in use. Two writers destroy each other's data.
    bool force = false;
};

/// A file or block device, opened. Does its I/O through the ring of the target to which it is added. The
/// kernel starts a worker thread for each request that a disk leaves unanswered, several hundred in bad
/// cases: RLIMIT_NPROC and a container's pids.max must leave room for them, or other exports wait for that
/// disk too.
class FileDevice : public BlockDevice {
  public:
    /// "direct, stable" or the like, for people.
    [[nodiscard]] virtual std::string mode() const = 0;
    /// What a person should know about how the file was opened, one sentence each: fallbacks, a lost tail.
    [[nodiscard]] virtual const std::vector<std::string>& notes() const = 0;
};

/// Opens `path` and takes exclusive use of the window: a lock on the range of the file, and O_EXCL on a block
/// device, which all windows of it in this process share, on whatever threads, until the last is closed.
/// All windows of a file that are written to use the same cache: the kernel would lose data where some were
/// written past the page cache and others through it. If it is read-only, use is shared with others who read:
/// a lock that keeps writers off who look at locks, and a block device must not be in exclusive use by others
/// when it is opened, but may come to be. Where the data may be changed in spite of that (with `force`,
/// without a lock, on a read-only block device, on a loop device and on what is under one) nothing is read
/// ahead. May block; call it before the target's loop or from another thread. Throws std::system_error that
/// names the path, the cause and what to do.
std::unique_ptr<FileDevice> open_file(const std::string& path, const FileOptions& options = {});

} // namespace aoetarget
#pragma GCC visibility pop
