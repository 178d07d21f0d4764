// The system calls and trials that find out each fact.
#include "storage/file_probe.hpp"

#include "geometry.hpp"
#include "ring/attempt.hpp"
#include "storage/sysfs.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace aoetarget::storage {
namespace {

constexpr std::uint32_t page_bytes = 4096;

[[noreturn]] void fail() {
    throw std::system_error(errno, std::generic_category());
}

FileFacts probe_block_device(int fd, dev_t device) {
    FileFacts facts{.block_device = true, .disk = device};
    unsigned physical = 0;
    int logical = 0;
    int alignment = 0; // -1: the partition lies askew by an unknown distance
    if (ioctl(fd, BLKGETSIZE64, &facts.bytes) != 0 || ioctl(fd, BLKSSZGET, &logical) != 0)
        fail();
    facts.logical_block_bytes = static_cast<std::uint32_t>(logical);
    if (ioctl(fd, BLKPBSZGET, &physical) == 0 && std::has_single_bit(physical))
        facts.physical_block_bytes = physical;
    if (ioctl(fd, BLKALIGNOFF, &alignment) == 0 && alignment > 0)
        facts.physical_alignment_bytes = static_cast<std::uint32_t>(alignment);
    return facts;
}

FileFacts probe_regular_file(const struct stat& status) {
    FileFacts facts{.bytes = static_cast<std::uint64_t>(status.st_size), .disk = status.st_dev};
    // Some file systems report here their preferred size of a transfer, which is larger than their block.
    const auto block_bytes = static_cast<std::uint64_t>(status.st_blksize);
    facts.physical_block_bytes =
        std::bit_floor(static_cast<std::uint32_t>(std::clamp<std::uint64_t>(block_bytes, 512, page_bytes)));
    return facts;
}

/// The C library's struct statx may be too old to have the fields for STATX_DIOALIGN.
struct DirectStatx {
    static constexpr unsigned wanted = 0x2000; // STATX_DIOALIGN, Linux 6.1

    std::uint32_t mask;
    std::byte not_wanted[148];
    std::uint32_t memory_align;
    std::uint32_t offset_align;
    std::byte reserved[96];
};
static_assert(sizeof(DirectStatx) == 256 && offsetof(DirectStatx, memory_align) == 0x98);

/// Finds the smallest block that a direct read takes, for kernels and file systems without STATX_DIOALIGN.
std::uint32_t smallest_direct_read(int fd, std::uint32_t least) {
    const std::unique_ptr<void, decltype(&std::free)> buffer(std::aligned_alloc(page_bytes, page_bytes),
                                                             &std::free);
    for (const std::uint32_t bytes : {512U, page_bytes}) {
        if (bytes < least)
            continue;
        if (pread(fd, buffer.get(), bytes, 0) >= 0 ||
            errno != EINVAL) // a bad sector, which says nothing about alignment
            return bytes;
    }
    return 0;
}

} // namespace

FileFacts probe_file(int fd) {
    struct stat status {};
    if (fstat(fd, &status) != 0)
        fail();
    return S_ISBLK(status.st_mode) ? probe_block_device(fd, status.st_rdev) : probe_regular_file(status);
}

bool set_direct(int fd, bool on) {
    const int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

std::optional<DirectAlignment> try_direct(int fd, const FileFacts& facts) {
    if (!set_direct(fd, true))
        return std::nullopt;

    DirectAlignment alignment;
    DirectStatx answer{};
    if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, DirectStatx::wanted, &answer) == 0 &&
        (answer.mask & DirectStatx::wanted) != 0) {
        alignment = {answer.offset_align, answer.memory_align};
    } else if (facts.block_device) {
        alignment = {facts.logical_block_bytes, facts.logical_block_bytes};
    } else {
        // The kernel reads a hole at any offset, so the probe alone could promise too much.
        const auto least = static_cast<std::uint32_t>(disk_number(facts.disk, "queue/logical_block_size"));
        const std::uint32_t bytes = smallest_direct_read(fd, least);
        alignment = {bytes, bytes};
    }

    const bool usable =
        std::has_single_bit(alignment.offset_bytes) && std::has_single_bit(alignment.memory_bytes) &&
        alignment.offset_bytes <= max_logical_block_bytes && alignment.memory_bytes <= page_bytes;
    if (!usable) {
        set_direct(fd, false);
        return std::nullopt;
    }
    alignment.offset_bytes = std::max(alignment.offset_bytes, 512U);
    return alignment;
}

std::optional<bool> can_punch_hole(int fd, const FileFacts& facts, std::uint32_t block_bytes) {
    // On a block device the kernel turns the hole into "write zeroes", never into a mere discard, and accepts
    // whole blocks only.
    if (facts.block_device)
        return block_bytes % facts.logical_block_bytes == 0 &&
               disk_number(facts.disk, "queue/write_zeroes_max_bytes") > 0;
    constexpr std::uint64_t clear_of_the_end = 1U << 20;
    const std::uint64_t beyond = (facts.bytes / clear_of_the_end + 1) * clear_of_the_end;
    const auto punch = [&](io_uring_sqe* sqe) {
        io_uring_prep_rw(IORING_OP_FALLOCATE, sqe, fd, nullptr, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                         beyond);
        sqe->addr = page_bytes;
    };
    const int result = ring::attempt(punch, std::chrono::seconds(1));
    return result == -ETIME ? std::nullopt : std::optional(result == 0);
}

bool blocks_submission(int fd, const FileFacts& facts, bool direct, bool discards) {
    if (facts.block_device && !direct && discards)
        return true;
    struct statfs status {};
    return fstatfs(fd, &status) == 0 && status.f_type == FUSE_SUPER_MAGIC;
}

void load_extents(int fd) {
    struct statfs status {};
    constexpr unsigned long precache_extents =
        _IO('f', 18); // EXT4_IOC_PRECACHE_EXTENTS; no header of Debian 12 has it
    if (fstatfs(fd, &status) == 0 && status.f_type == EXT4_SUPER_MAGIC)
        ioctl(fd, precache_extents);
}

bool has_other_name(int fd, const FileFacts& facts) {
    struct stat own {};
    if (fstat(fd, &own) != 0)
        fail();
    if (facts.block_device && disk_attribute(facts.disk, "loop/backing_file"))
        return true;
    return std::ranges::any_of(loop_devices(), [&](const LoopDevice& loop) {
        struct stat below {};
        if (stat(loop.backing_file.c_str(), &below) != 0)
            return true; // it is deleted or out of reach, so it may be this file
        if (facts.block_device)
            return S_ISBLK(below.st_mode) && below.st_rdev == own.st_rdev;
        return below.st_dev == own.st_dev && below.st_ino == own.st_ino;
    });
}

std::uint16_t rotation_rate(const FileFacts& facts) {
    constexpr std::uint16_t unknown = 0;
    constexpr std::uint16_t non_rotating = 1;
    return disk_attribute(facts.disk, "queue/rotational") == "0" ? non_rotating : unknown;
}

std::optional<std::string> own_name(const FileFacts& facts) {
    if (!facts.block_device)
        return std::nullopt;
    const std::string partition = block_attribute(facts.disk, "partition").value_or("");
    for (const auto* name : {"dm/uuid", "md/uuid", "wwid", "device/wwid", "serial", "device/serial"}) {
        if (const auto value = disk_attribute(facts.disk, name))
            return partition.empty() ? *value : *value + "-part" + partition;
    }
    return std::nullopt;
}

std::string volume_name(const std::string& path, const FileFacts& facts) {
    if (const auto name = own_name(facts))
        return *name;
    const std::unique_ptr<char, decltype(&std::free)> canonical(realpath(path.c_str(), nullptr), &std::free);
    return canonical ? canonical.get() : path;
}

} // namespace aoetarget::storage
