// Opens a file, and refuses it with cause and cure if it cannot be served.
#include "storage/open_file.hpp"
#include "storage/claim.hpp"
#include "storage/file_device.hpp"
#include "storage/file_probe.hpp"
#include "storage/holder.hpp"
#include "storage/refusal.hpp"

#include <aoetarget/hand_over.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace aoetarget {
namespace storage {
namespace {

// --- The file ------------------------------------------------------------------------------------

/// This comes before opening the file, which would wait on a FIFO.
void check_kind(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0)
        refuse(errno, path, open_advice(errno, true));
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        refuse(EINVAL, path, "it is neither a regular file nor a block device");
}

// --- The window ----------------------------------------------------------------------------------

struct Window {
    std::uint64_t offset_bytes = 0;
    std::uint64_t length_bytes = 0;

    [[nodiscard]] std::uint64_t end_bytes() const { return offset_bytes + length_bytes; }
    [[nodiscard]] bool aligned_to(std::uint32_t bytes) const {
        return offset_bytes % bytes == 0 && length_bytes % bytes == 0;
    }
};

Window choose_window(const std::string& path, const FileOptions& options, std::uint64_t file_bytes,
                     std::vector<std::string>& notes) {
    Window window{options.offset_bytes, options.length_bytes};
    const std::uint64_t tail_bytes = file_bytes % sector_bytes;
    const std::uint64_t usable_bytes = file_bytes - tail_bytes;
    if (usable_bytes == 0)
        refuse(
            EINVAL, path,
            fmt::format("its size of {} bytes is less than one sector of 512; make it larger", file_bytes));
    if (!window.aligned_to(sector_bytes))
        refuse(EINVAL, path, "offset and length must be multiples of 512 bytes");
    if (window.offset_bytes >= usable_bytes)
        refuse(EINVAL, path,
               fmt::format("the offset of {} bytes is not within its {} bytes; choose a smaller one",
                           window.offset_bytes, usable_bytes));

    const std::uint64_t available_bytes = usable_bytes - window.offset_bytes;
    if (window.length_bytes > available_bytes)
        refuse(
            EINVAL, path,
            fmt::format(
                "the length of {} bytes is more than the {} bytes from the offset on; choose a smaller one",
                window.length_bytes, available_bytes));
    if (window.length_bytes == 0) {
        window.length_bytes = available_bytes;
        if (tail_bytes != 0)
            notes.push_back(
                fmt::format("The last {} bytes are not exported, because the size is not a multiple of 512.",
                            tail_bytes));
    }
    if (window.length_bytes / sector_bytes > Geometry::max_sectors)
        refuse(EFBIG, path, "it has more sectors than ATA can address; choose a smaller length");
    return window;
}

/// Returns whether the file is safe from changes by other programs, as far as locks and claims can tell. A
/// read-only export of a disk does not claim it, so others may write to its partitions; a read-only export of
/// a file has a lock against writers.
bool is_left_alone(const FileOptions& options, int fd, const FileFacts& facts, bool locked) {
    const bool claimed = !options.force && !(facts.block_device && options.read_only);
    return locked && claimed && !has_other_name(fd, facts);
}

void note_loop_device(int fd, std::vector<std::string>& notes) {
    struct stat status {};
    if (fstat(fd, &status) != 0)
        return;
    if (std::string text = find_loop_device(status); !text.empty())
        notes.push_back(std::move(text));
}

// --- The cache -----------------------------------------------------------------------------------

/// Returns nothing if the page cache is to be used.
std::optional<DirectAlignment> choose_direct(const std::string& path, const FileOptions& options, int fd,
                                             const FileFacts& facts, const Window& window,
                                             std::vector<std::string>& notes) {
    if (options.cache == Cache::page)
        return std::nullopt;
    const auto alignment = try_direct(fd, facts);
    if (alignment && window.aligned_to(alignment->offset_bytes))
        return alignment;

    set_direct(fd, false);
    const std::string cause =
        alignment ? fmt::format("its offset or length is not a whole number of logical blocks of {} bytes",
                                alignment->offset_bytes)
                  : "the file system does not support O_DIRECT";
    if (options.cache == Cache::direct)
        refuse(EINVAL, path,
               fmt::format("cache=direct is not possible, because {}; use cache=page{}", cause,
                           alignment ? ", or choose another offset and length" : ""));
    notes.push_back(fmt::format("It uses the page cache, because {}.", cause));
    return std::nullopt;
}

/// Makes all exports that write to the file use the same cache. An export that may use either follows the
/// others.
void agree_on_cache(const std::string& path, const FileOptions& options, const Claim& claim, int fd,
                    std::optional<DirectAlignment>& direct, std::vector<std::string>& notes) {
    if (join_writers(path, claim, direct ? Cache::direct : Cache::page))
        return;
    if (direct && !options.cache && join_writers(path, claim, Cache::page)) {
        set_direct(fd, false);
        direct.reset();
        notes.emplace_back("It uses the page cache, because another export that writes to the file does so.");
        return;
    }
    refuse(EBUSY, path,
           fmt::format("it would write {} the page cache and another export of the file writes {} it, which "
                       "loses data; give all of them the same cache, cache=page or cache=direct",
                       direct ? "past" : "through", direct ? "through" : "past"));
}

// --- The opened file -----------------------------------------------------------------------------

Geometry describe(const FileOptions& options, const FileFacts& facts, const Window& window,
                  const std::optional<DirectAlignment>& direct, int fd, bool left_alone,
                  std::vector<std::string>& notes) {
    Geometry geometry;
    geometry.sectors = window.length_bytes / sector_bytes;
    if (direct) {
        geometry.logical_block_bytes = direct->offset_bytes;
        // Drivers of disks with large blocks split at pages, whatever alignment they report, and then refuse
        // the pieces.
        const std::uint32_t block_bytes = std::min<std::uint32_t>(direct->offset_bytes, 4096);
        geometry.memory_alignment = std::max(direct->memory_bytes, block_bytes);
    }
    geometry.physical_block_bytes = std::max(geometry.logical_block_bytes, facts.physical_block_bytes);
    const std::uint64_t to_boundary = facts.physical_alignment_bytes % geometry.physical_block_bytes;
    geometry.physical_offset_sectors =
        static_cast<std::uint32_t>((window.offset_bytes + geometry.physical_block_bytes - to_boundary) %
                                   geometry.physical_block_bytes / sector_bytes);
    geometry.read_only = options.read_only;
    geometry.volatile_cache = options.durability == Durability::volatile_cache;
    if (options.discard && !options.read_only) {
        const auto discards = can_punch_hole(fd, facts, geometry.logical_block_bytes);
        geometry.discard = discards.value_or(false);
        if (!discards)
            notes.emplace_back("Its file system does not answer (is it frozen?). Requests wait until it "
                               "does, and the export refuses trims until it is opened again.");
    }
    geometry.discard_zeroes = geometry.discard; // a hole reads as zeros, to the byte
    geometry.rotation_rate = rotation_rate(facts);
    geometry.read_ahead = direct.has_value() && left_alone; // the page cache reads ahead by itself
    return geometry;
}

std::string identity_of(const std::string& volume, std::uint64_t offset_bytes) {
    return fmt::format("{}+{}", volume, offset_bytes);
}

FileFacts probe_or_refuse(const std::string& path, int fd) {
    try {
        return probe_file(fd);
    } catch (const std::system_error& error) {
        refuse(error.code().value(), path, "");
    }
}

} // namespace

std::uint64_t growth_limit(const FileFacts& facts, bool read_only) {
    rlimit limit{};
    if (facts.block_device || read_only || getrlimit(RLIMIT_FSIZE, &limit) != 0)
        return end_of_windows;
    return std::min<std::uint64_t>(limit.rlim_cur, end_of_windows);
}

void check_writable(const std::string& path, int fd, const FileFacts& facts, std::uint64_t end_bytes) {
    int read_only = 0;
    if (facts.block_device && ioctl(fd, BLKROGET, &read_only) == 0 && read_only != 0)
        refuse(EROFS, path, open_advice(EROFS, false));
    if (growth_limit(facts, false) < end_bytes)
        refuse(EFBIG, path, "it is larger than this process may write; raise 'ulimit -f'");
}

std::string describe_mode(const Geometry& geometry, bool direct) {
    const std::string_view durability = geometry.volatile_cache ? "volatile" : "stable";
    return fmt::format("{}, {}", direct ? "direct" : "page cache",
                       geometry.read_only ? "read-only" : durability);
}

namespace {

/// The rest, when the file is open and its block device claimed.
OpenedFile lock_and_describe(const std::string& path, OpenedFile opened, const FileOptions& options,
                             Claiming claiming) {
    opened.path = std::filesystem::absolute(path);
    const int fd = opened.file.get();
    const FileFacts facts = probe_or_refuse(path, fd);

    const Window window = choose_window(path, options, facts.bytes, opened.notes);
    if (!options.read_only)
        check_writable(path, fd, facts, window.end_bytes());
    opened.end_bytes =
        options.length_bytes != 0 ? window.end_bytes() : growth_limit(facts, options.read_only);
    const bool locked = claiming == Claiming::here &&
                        lock_window(path, opened.claim, window.offset_bytes,
                                    opened.end_bytes - window.offset_bytes, options, opened.notes);

    note_loop_device(fd, opened.notes);
    auto direct = choose_direct(path, options, fd, facts, window, opened.notes);
    if (locked && !options.read_only)
        agree_on_cache(path, options, opened.claim, fd, direct, opened.notes);
    opened.regular = !facts.block_device;
    opened.offset_bytes = window.offset_bytes;
    const bool is_here = claiming == Claiming::here;
    const bool is_claimed = !facts.block_device || opened.claim.device || !is_here;
    const bool left_alone = is_claimed && is_left_alone(options, fd, facts, locked || !is_here);
    opened.geometry = describe(options, facts, window, direct, fd, left_alone, opened.notes);
    opened.blocks_submission = blocks_submission(fd, facts, direct.has_value(), !options.read_only);
    load_extents(fd);
    opened.mode = describe_mode(opened.geometry, direct.has_value());
    opened.identity = identity_of(volume_name(path, facts), window.offset_bytes);
    return opened;
}

} // namespace

OpenedFile open_and_describe(const std::string& path, const FileOptions& options, Claiming claiming) {
    const bool reads = options.read_only || claiming == Claiming::nowhere;
    check_kind(path);
    OpenedFile opened;
    opened.claim = claim_file(path, options, claiming);
    opened.file = open_claimed(path, reads ? O_RDONLY : O_RDWR, opened.claim);
    return lock_and_describe(path, std::move(opened), options, claiming);
}

namespace {

/// The path may be one that this process may not look at.
void check_same(const std::string& path, int fd) {
    struct stat named {
    }, status{};
    if (fstat(fd, &status) != 0 || (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)))
        refuse(EINVAL, path, "the descriptor for it is neither of a regular file nor of a block device");
    const auto is_same = [&] {
        return S_ISBLK(status.st_mode) ? S_ISBLK(named.st_mode) && named.st_rdev == status.st_rdev
                                       : named.st_dev == status.st_dev && named.st_ino == status.st_ino;
    };
    if (stat(path.c_str(), &named) == 0 && !is_same())
        refuse(EINVAL, path, "the descriptor for it is of another file");
}

/// Sets what the data path relies on, as far as it can be set.
void check_access(const std::string& path, int fd, bool read_only) {
    const int flags = fcntl(fd, F_GETFL);
    const int access = flags & O_ACCMODE;
    if (flags < 0 || (flags & O_PATH) != 0 || (access != O_RDWR && (!read_only || access != O_RDONLY)))
        refuse(EINVAL, path,
               read_only ? "the descriptor for it is not open for reading"
                         : "the descriptor for it is not open for reading and writing");
    if (fcntl(fd, F_SETFL, flags & ~(O_APPEND | O_NONBLOCK)) != 0)
        refuse(errno, path, "");
}

} // namespace
} // namespace storage

std::unique_ptr<FileDevice> open_file(const std::string& path, const FileOptions& options) {
    using namespace storage;
    return std::make_unique<RingFileDevice>(open_and_describe(path, options, Claiming::here));
}

std::unique_ptr<FileDevice> open_unclaimed(const std::string& path, const FileOptions& options) {
    using namespace storage;
    return std::make_unique<RingFileDevice>(open_and_describe(path, options, Claiming::elsewhere));
}

std::unique_ptr<FileDevice> adopt_file(int descriptor, const std::string& path, const FileOptions& options) {
    using namespace storage;
    OpenedFile opened;
    opened.file = ring::FileDescriptor(descriptor);
    check_same(path, descriptor);
    ring::FileDescriptor for_locks(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    if (!for_locks.valid())
        refuse(errno, path, "");
    take_lock_file(path, opened.claim, std::move(for_locks));
    check_access(path, descriptor, options.read_only);
    opened = lock_and_describe(path, std::move(opened), options, Claiming::here);
    if (!opened.regular && !options.force)
        opened.notes.emplace_back("It is not in exclusive use, because another process has opened it: a lock "
                                  "keeps programs away that look for one, and a mount is not noticed.");
    return std::make_unique<RingFileDevice>(std::move(opened));
}

std::string find_own_identity(const std::string& path, const FileOptions& options) {
    using namespace storage;
    struct stat status {};
    if (stat(path.c_str(), &status) != 0 || !S_ISBLK(status.st_mode))
        return {};
    const auto name = own_name({.block_device = true, .disk = status.st_rdev});
    return name ? identity_of(*name, options.offset_bytes) : std::string();
}

} // namespace aoetarget
