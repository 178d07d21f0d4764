// Finds out who holds a file or block device that cannot be opened, for the text of the refusal.
#pragma once

#include <optional>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>

namespace aoetarget::storage {

/// Where the kernel shows its devices and its processes.
struct KernelFolders {
    std::string sys = "/sys";
    std::string proc = "/proc";
};

/// Returns the holders of a file or block device and the command that frees it, for example "md127 is
/// assembled over it; free it with 'mdadm --stop /dev/md127'", or nothing if none is found. It looks for
/// holders of the partitions of a disk too, and of the disk of a partition. This may take a while, because it
/// may look at every process.
std::string find_holder(const struct stat& file, const KernelFolders& folders = {});

/// Returns the part of that which the kernel itself knows: mounts, swap, and devices over it. It is certain.
std::string find_kernel_use(const struct stat& file, const KernelFolders& folders = {});

/// Returns the processes that have the block device open, in words like those above, or nothing if there are
/// none. Each may have the exclusive use, or not.
std::string find_openers(const struct stat& device, const KernelFolders& folders = {});

/// Returns the process that has a lock which F_OFD_GETLK has found on the file: "process 77 (aoetarget)".
/// Returns nothing if it is this process, or one that this user may not see.
std::string find_lock_holder(const struct stat& file, const struct flock& lock,
                             const KernelFolders& folders = {});

/// Returns the number of that process, or nothing.
std::optional<long> find_lock_process(const struct stat& file, const struct flock& lock,
                                      const KernelFolders& folders = {});

/// Returns a sentence about a loop device over the file, which does not keep others from opening the file, or
/// nothing if there is none.
std::string find_loop_device(const struct stat& file, const KernelFolders& folders = {});

} // namespace aoetarget::storage
