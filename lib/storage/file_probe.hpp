// Finds out facts about a file or block device before it is used. All functions may block; none changes the
// file.
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
    /// The distance from the beginning of the file to the first boundary of a physical block.
    std::uint32_t physical_alignment_bytes = 0;
    /// The logical block of a block device; 512 for a regular file.
    std::uint32_t logical_block_bytes = 512;
    /// The block device itself, or the one under the file system. For tmpfs, NFS and the like it has no entry
    /// in sysfs.
    dev_t disk = 0;
};

/// Throws std::system_error without a text.
FileFacts probe_file(int fd);

/// The alignment that O_DIRECT requires of offsets and lengths, and of the memory.
struct DirectAlignment {
    std::uint32_t offset_bytes = 512;
    std::uint32_t memory_bytes = 512;
};

/// Switches O_DIRECT on or off. Returns false if the file does not support it.
bool set_direct(int fd, bool on);

/// Switches O_DIRECT on and returns the alignment that it requires, or nothing if the file does not support
/// it.
std::optional<DirectAlignment> try_direct(int fd, const FileFacts& facts);

/// Returns whether FALLOC_FL_PUNCH_HOLE works on whole blocks of `block_bytes`, which then read as zeros. The
/// file must be open for writing. Returns nothing if its file system has not answered for a second, for
/// example because it is frozen.
std::optional<bool> can_punch_hole(int fd, const FileFacts& facts, std::uint32_t block_bytes);

/// Returns whether the submission of reads and writes may block although it must not. On FUSE it does. Reads
/// of a block device through the page cache do too while it discards, for as long as that takes, because both
/// lock it (Linux 6.18). `discards` tells whether this process may make it discard.
bool blocks_submission(int fd, const FileFacts& facts, bool direct, bool discards);

/// Makes the file system read now where the parts of the file lie. ext4 would do so with the first request
/// for a part, and block its submission if the disk did not answer then (Linux 6.18).
void load_extents(int fd);

/// Returns whether the file is a loop device, or has one over it. Then other programs can change it under
/// another name, and neither locks nor claims of this name stop them.
bool has_other_name(int fd, const FileFacts& facts);

/// Returns Geometry::rotation_rate. The kernel knows whether a disk rotates, but not its speed.
std::uint16_t rotation_rate(const FileFacts& facts);

/// Returns the UUID, world wide name or serial number of a block device, or nothing if it has none.
std::optional<std::string> own_name(const FileFacts& facts);

/// Returns a name for the volume that stays the same across restarts: its own, else the canonical path.
std::string volume_name(const std::string& path, const FileFacts& facts);

} // namespace aoetarget::storage
