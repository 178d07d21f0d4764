// Exports of regular files and block devices.
#ifndef AOETARGET_C_FILE_DEVICE_H
#define AOETARGET_C_FILE_DEVICE_H

#include <aoetarget-c/base.h>

enum {
    /// Direct if the file supports it and no other export writes to the file through the page cache; else the
    /// page cache, and a note says so.
    AOETARGET_CACHE_AUTOMATIC = 0,
    AOETARGET_CACHE_DIRECT = 1, ///< I/O bypasses the page cache (O_DIRECT).
    AOETARGET_CACHE_PAGE = 2,   ///< I/O goes through the page cache of the host.
};

enum {
    /// The target answers a write when it is on stable storage. Only this is safe with Linux initiators,
    /// because they never flush.
    AOETARGET_DURABILITY_STABLE = 0,
    /// The target answers a write when the host's cache or the disk's own cache has it; FLUSH CACHE makes it
    /// stable.
    AOETARGET_DURABILITY_VOLATILE = 1,
};

struct aoetarget_file_options {
    size_t size;
    int32_t cache;      ///< AOETARGET_CACHE_*
    int32_t durability; ///< AOETARGET_DURABILITY_*
    /// The window of the file to export, in bytes. Both must be multiples of 512. A length of 0 means up to
    /// the end of the file, wherever that is by aoetarget_resize_export().
    uint64_t offset_bytes;
    uint64_t length_bytes;
    uint8_t read_only;
    /// 1: initiators cannot trim sectors, and the file or disk keeps all of its space.
    uint8_t no_discard;
    /// 1: shares the lock of a device of this process that has the same file open, if that one keeps it from
    /// having its own. This is for a device that replaces that one (aoetarget_replace_device()). For
    /// aoetarget_open_unclaimed(): the receiving process has the exclusive use of the block device.
    uint8_t replaces;
    /// 1: opens a block device even if it is mounted or otherwise in use. Two writers destroy each other's
    /// data.
    uint8_t force;
};
#define AOETARGET_FILE_OPTIONS_INIT AOETARGET_SIZED(struct aoetarget_file_options)

/// Opens a file or block device and takes exclusive use of the window: it locks the range of the file, and
/// opens a block device with O_EXCL. Writable windows of one file must use the same cache. A read-only export
/// shares the file with other readers. The device does its I/O through the ring of the target that gets it.
/// The call may block: make it before the target's loop starts, or on another thread. The caller owns the
/// result until it passes it to a target. Errors are those of open(2), EBUSY if the file is in use, EINVAL,
/// EROFS, EFBIG and E2BIG. Since 0.1.
AOETARGET_API aoetarget_device* aoetarget_open_file(const char* path,
                                                    const struct aoetarget_file_options* options);

/// Returns the mode of a device of a file as human-readable text, for example "direct, stable", and NULL
/// (EINVAL) for a device of the host's own. It stays until the device is passed to a target or destroyed.
/// Since 0.1.
AOETARGET_API const char* aoetarget_device_mode(const aoetarget_device* device);

/// Returns one of the human-readable sentences about limits that the library met when it opened the file, for
/// example that it fell back to the page cache, or NULL (ENOENT) from the first `index` on that has none. It
/// stays as that of aoetarget_device_mode() does. Since 0.1.
AOETARGET_API const char* aoetarget_device_note(const aoetarget_device* device, size_t index);

/// Writes the identity of the device that aoetarget_open_file() would make, if `path` names a block device
/// with a UUID, WWN or serial number of its own; else an empty text. It writes at most `bytes`, with a zero
/// at the end, and returns the length of the whole text, as snprintf() does. It opens nothing, so the present
/// user of the disk does not notice. A host that asks before it opens a disk, and from time to time after
/// AOETARGET_EVENT_DEVICE_VANISHED, knows when that disk is back, and passes it to
/// aoetarget_replace_device(). Since 0.1.
AOETARGET_API int aoetarget_find_own_identity(const char* path, const struct aoetarget_file_options* options,
                                              char* text, size_t bytes);

#endif
