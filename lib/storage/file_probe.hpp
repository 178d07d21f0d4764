// What can be learnt about a file or block device before it is used. Everything here may block; nothing
// changes the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

namespace aoetarget::storage {

struct FileFacts {
    bool block_device = false;
    std::uint64_t bytes = 0;
    /// The unit of the medium or of the file system.
    std::uint32_t physical_block_bytes = 512;
    /// From the beginning of the file to the first boundary of a physical block.
    std::uint32_t physical_alignment_bytes = 0;
    /// A block device: its own logical block. A regular file: 512.
    std::uint32_t logical_block_bytes = 512;
    /// The block device itself, or the one under the file system; has no entry in sysfs for tmpfs, NFS and
    /// the like.
    dev_t disk = 0;
};

/// Throws std::system_error without a text.
FileFacts probe_file(int fd);

/// What O_DIRECT asks of offsets and lengths, and of the memory.
struct DirectAlignment {
    std::uint32_t offset_bytes = 512;
    std::uint32_t memory_bytes = 512;
};

/// Switches O_DIRECT on or off; false where the file does not take it.
bool set_direct(int fd, bool on);

/// Empty where the file does not take O_DIRECT. Leaves O_DIRECT switched on where it does.
std::optional<DirectAlignment> try_direct(int fd, const FileFacts& facts);

/// Whether FALLOC_FL_PUNCH_HOLE works on whole blocks of `block_bytes`; afterwards they read as zeros. The
/// file is open for writing. Empty: its file system has not answered for a second (a frozen one, say).
std::optional<bool> can_punch_hole(int fd, const FileFacts& facts, std::uint32_t block_bytes);

/// Whether reads and writes may block whoever submits them although asked not to. Those of FUSE do. So do
/// reads of a block device through the page cache while it discards, for as long as that takes: both lock it
/// (Linux 6.18). `discards`: this process may have it do so.
bool blocks_submission(int fd, const FileFacts& facts, bool direct, bool discards);

/// Has the file system read now where the parts of the file lie. ext4 would do so with the first request for
/// a part, and block whoever submits it if the disk does not answer then (Linux 6.18).
void load_extents(int fd);

/// Whether the file is a loop device, or has one over it: then it can be changed by another name, where no
/// lock and no claim of this one is looked at.
bool has_other_name(int fd, const FileFacts& facts);

/// As Geometry::rotation_rate has it. The kernel knows whether a disk rotates, not how fast.
std::uint16_t rotation_rate(const FileFacts& facts);

/// A name for the volume that outlives restarts: of a disk its world wide name or serial number, else the
/// canonical path.
std::string volume_name(const std::string& path, const FileFacts& facts);

} // namespace aoetarget::storage
