// What a target would find, for tools that tell it beforehand. Nothing here opens a file for writing, changes
// anything, or sends a frame.
#pragma once

#include <aoetarget/file_device.hpp>
#include <aoetarget/options.hpp>
#include <aoetarget/stats.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace aoetarget {

/// A way in which a file or disk is in use.
struct FileUse {
    /// The user, and the command that ends it: "it is mounted on /mnt; free it with 'umount /mnt'".
    std::string text;
    /// open_file() would refuse it. If this is false it may, because a process has the disk open, and nothing
    /// but an attempt tells whether it has the exclusive use.
    bool is_certain = true;
    /// The process that has locked this part of the file, or 0.
    long process = 0;
};

struct FileInspection {
    bool block_device = false;
    /// The size of the whole file or disk.
    std::uint64_t bytes = 0;
    /// What initiators would get. `discard` is known of block devices only.
    Geometry geometry = {};
    /// As FileDevice::mode() and FileDevice::notes().
    std::string mode = {};
    std::vector<std::string> notes = {};
    std::vector<FileUse> uses = {};
    /// The space that a file takes now, and the space that is left on its file system, which all files with
    /// this number share. All are 0 for a block device.
    std::uint64_t allocated_bytes = 0, free_bytes = 0, file_system = 0;
    /// The cache of the disk, or of the one below the file, as the kernel tells it: "write back" (volatile:
    /// the target flushes it), "write through", or nothing if it is not known.
    std::string write_cache = {};
};

/// Finds out what open_file() would, and what speaks against it. It opens the file for reading and takes no
/// lock and no exclusive use. `options.replaces` means nothing. It may look at every process, sees of those
/// of other users what this user may, and may block, as open_file() does. Throws std::system_error with path,
/// cause and cure as open_file() does, except for a file that is in use, which is in `uses`.
FileInspection inspect_file(const std::string& path, const FileOptions& options = {});

/// The exports of a target, as far as they concern its interfaces.
struct ExportFacts {
    std::size_t count = 1;
    /// The largest Geometry::memory_alignment.
    std::uint32_t memory_alignment = 512;
};

struct InterfaceInspection {
    /// As Stats would have it when the target starts, with counters of 0. `link` is as far as it can be told
    /// without XDP being set up, which some drivers take the link down for.
    InterfaceStats stats = {};
    /// "bond", "bridge", "vlan", "veth"; empty for most hardware.
    std::string kind = {};
    /// The text with which Target::add_interface() would refuse InterfaceOptions::link, or nothing.
    std::string refusal = {};
    /// The interface is up administratively. (InterfaceStats::up tells whether it carries frames too.)
    bool is_set_up = false;
    /// The receive buffer that a link asks for and the one that it gets, in bytes as the kernel accounts for
    /// them, and the number of frames of the longest kind that the latter holds. If this process may not open
    /// packet sockets, the last two are 0 and `socket_error` has the reason.
    std::uint64_t wanted_buffer_bytes = 0, buffer_bytes = 0;
    unsigned buffer_frames = 0;
    std::string socket_error = {};
    /// The memory for frames that a thread of the target would take for the interface.
    std::uint64_t memory_bytes = 0;
};

/// Finds out what Target::add_interface() would, for an interface, or for each that a pattern would take now,
/// whether others are added by name or not. The list is empty if there is none yet, and options.wait or the
/// pattern lets one come later. `freed` names interfaces that are served over XDP by a target which is to end
/// before: its program counts as gone. Throws std::system_error with interface, cause and cure as
/// Target::add_interface() does, except that without CAP_NET_RAW it tells what it can.
std::vector<InterfaceInspection> inspect_interfaces(const std::string& name,
                                                    const InterfaceOptions& options = {},
                                                    const ExportFacts& exports = {},
                                                    const std::vector<std::string>& freed = {});

} // namespace aoetarget
#pragma GCC visibility pop
