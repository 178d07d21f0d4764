// Looks at a file as open_file() does, and takes nothing.
#include "storage/holder.hpp"
#include "storage/open_file.hpp"
#include "storage/refusal.hpp"
#include "storage/sysfs.hpp"

#include <aoetarget/inspect.hpp>

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace aoetarget {
namespace {

using namespace storage;

constexpr std::uint64_t allocation_unit_bytes = 512; // of stat::st_blocks

/// An attempt to open it for writing would tell the same.
void check_rights(const std::string& path, const FileOptions& options) {
    if (!options.read_only && faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) != 0)
        refuse(errno, path, open_advice(errno, false));
}

/// A device may have several windows, so a process that has it open need not be in the way.
std::vector<FileUse> find_uses(const OpenedFile& opened, const FileOptions& options,
                               const struct stat& status) {
    std::vector<FileUse> uses;
    const bool is_exclusive = S_ISBLK(status.st_mode) ? !options.force : !options.read_only;
    if (std::string text = find_kernel_use(status); !text.empty())
        uses.push_back({.text = std::move(text), .is_certain = is_exclusive});
    const auto lock = find_rival_lock(opened.claim, opened.offset_bytes,
                                      opened.end_bytes - opened.offset_bytes, options.read_only);
    if (lock)
        uses.push_back({.text = rival_text(opened.path, opened.claim, *lock),
                        .process = find_lock_process(status, *lock).value_or(0)});
    if (!uses.empty() || !S_ISBLK(status.st_mode) || options.force)
        return uses;
    if (std::string text = find_openers(status); !text.empty())
        uses.push_back({.text = std::move(text), .is_certain = false});
    return uses;
}

} // namespace

FileInspection inspect_file(const std::string& path, const FileOptions& options) {
    struct stat status {};
    FileOptions looking = options;
    // Of a file it takes an attempt to know, for which it has to be open for writing.
    if (stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode))
        looking.discard = false;
    const OpenedFile opened = open_and_describe(path, looking, Claiming::nowhere);
    check_rights(path, options);
    if (fstat(opened.file.get(), &status) != 0)
        refuse(errno, path, "");
    const FileFacts facts = probe_file(opened.file.get());

    FileInspection found{.block_device = facts.block_device,
                         .bytes = facts.bytes,
                         .geometry = opened.geometry,
                         .mode = opened.mode,
                         .notes = opened.notes,
                         .uses = find_uses(opened, options, status),
                         .write_cache = disk_attribute(facts.disk, "queue/write_cache").value_or("")};
    struct statvfs space {};
    if (!facts.block_device && fstatvfs(opened.file.get(), &space) == 0) {
        found.allocated_bytes = static_cast<std::uint64_t>(status.st_blocks) * allocation_unit_bytes;
        found.free_bytes = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
        found.file_system = status.st_dev;
    }
    return found;
}

} // namespace aoetarget
