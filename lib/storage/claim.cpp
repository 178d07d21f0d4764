// The process's table of devices in exclusive use, and locks of open file descriptions.
#include "storage/claim.hpp"

#include "storage/refusal.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

namespace aoetarget::storage {

/// Of a device node. Locks belong to the node, so who names the device by another one gets no part of this.
using Inode = std::pair<dev_t, ino_t>;

struct ExclusiveUse {
    Inode inode;
    ring::FileDescriptor device;
    unsigned exports = 0;
};

namespace {

/// What this process has in exclusive use.
struct ExclusiveUses {
    std::mutex mutex;
    std::map<Inode, ExclusiveUse> by_inode;

    /// Never destroyed: a target may be so later than anything here.
    static ExclusiveUses& get() {
        static ExclusiveUses& uses = *new ExclusiveUses;
        return uses;
    }
};

ring::FileDescriptor open_or_refuse(const std::string& path, int flags) {
    ring::FileDescriptor file(open(path.c_str(), flags | O_CLOEXEC));
    if (!file.valid())
        refuse(errno, path, open_advice(errno, (flags & O_ACCMODE) == O_RDONLY));
    return file;
}

struct stat status_of(const std::string& path, const ring::FileDescriptor& file) {
    struct stat status {};
    if (fstat(file.get(), &status) != 0)
        refuse(errno, path, "");
    return status;
}

Inode inode_of(const std::string& path, const ring::FileDescriptor& file) {
    const struct stat status = status_of(path, file);
    return {status.st_dev, status.st_ino};
}

ring::FileDescriptor open_same(const std::string& path, int flags, const Inode& inode) {
    ring::FileDescriptor file = open_or_refuse(path, flags);
    if (inode_of(path, file) != inode)
        refuse(ESTALE, path, "it was replaced while it was opened; try again");
    return file;
}

/// The device is open already, so that opening it once more is a short wait for others.
DeviceClaim claim_device(const std::string& path, bool read_only, const Inode& inode) {
    ExclusiveUses& uses = ExclusiveUses::get();
    const std::lock_guard lock(uses.mutex);
    auto found = uses.by_inode.find(inode);
    if (found == uses.by_inode.end()) {
        auto device = open_same(path, (read_only ? O_RDONLY : O_RDWR) | O_EXCL, inode);
        if (read_only)
            return nullptr;
        found = uses.by_inode.try_emplace(inode, ExclusiveUse{inode, std::move(device)}).first;
    }
    if (read_only)
        return nullptr;
    ++found->second.exports;
    return DeviceClaim(&found->second);
}

struct flock make_lock(short type, std::uint64_t offset_bytes, std::uint64_t length_bytes) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(offset_bytes);
    lock.l_len = static_cast<off_t>(length_bytes);
    return lock;
}

bool set_lock(const Claim& claim, struct flock lock) {
    return fcntl(claim.file.get(), F_OFD_SETLK, &lock) == 0;
}

/// A byte beyond every window; who writes that way has a shared lock on it.
std::uint64_t writers_byte(Cache cache) {
    constexpr std::uint64_t beyond_windows = 1ULL << 62;
    return beyond_windows + (cache == Cache::page ? 0 : 1);
}

} // namespace

void GiveBack::operator()(ExclusiveUse* use) const {
    ExclusiveUses& uses = ExclusiveUses::get();
    const std::lock_guard lock(uses.mutex); // also while it is closed: then it is free for the next
    if (--use->exports == 0)
        uses.by_inode.erase(uses.by_inode.find(use->inode));
}

int exclusive_descriptor(const Claim& claim) {
    return claim.device ? claim.device->device.get() : -1;
}

Claim claim_file(const std::string& path, const FileOptions& options) {
    Claim claim;
    claim.file = open_or_refuse(path, options.read_only ? O_RDONLY : O_RDWR);
    if (S_ISBLK(status_of(path, claim.file).st_mode) && !options.force)
        claim.device = claim_device(path, options.read_only, inode_of(path, claim.file));
    return claim;
}

ring::FileDescriptor open_claimed(const std::string& path, int access, const Claim& claim) {
    return open_same(path, access, inode_of(path, claim.file));
}

bool lock_window(const std::string& path, const Claim& claim, std::uint64_t offset_bytes,
                 std::uint64_t length_bytes, bool read_only, std::vector<std::string>& notes) {
    if (set_lock(claim, make_lock(read_only ? F_RDLCK : F_WRLCK, offset_bytes, length_bytes)))
        return true;
    if (errno == EAGAIN || errno == EACCES)
        refuse(EBUSY, path,
               "this part of it is in use by another export or program; stop that, export another part, or "
               "export it read-only everywhere");
    notes.push_back(fmt::format("It could not be locked against other programs: {}.",
                                std::generic_category().message(errno)));
    return false;
}

// Where a page has dirty data of one window when the other is written past the page cache, the kernel lets
// all syncs of the file fail, or writes the page back over the other's data. Pages are kept in groups of up
// to 2 MiB, so it is not enough that the windows have no page in common: measured on Linux 6.18 with ext4 and
// XFS, where it happened with a border on a page and not with one on 2 MiB, and on a block device.
bool join_writers(const std::string& path, const Claim& claim, Cache cache) {
    const std::uint64_t own_byte = writers_byte(cache);
    if (!set_lock(claim, make_lock(F_RDLCK, own_byte, 1)))
        refuse(errno, path, "");
    struct flock other =
        make_lock(F_WRLCK, writers_byte(cache == Cache::page ? Cache::direct : Cache::page), 1);
    if (fcntl(claim.file.get(), F_OFD_GETLK, &other) != 0)
        refuse(errno, path, "");
    if (other.l_type == F_UNLCK)
        return true;
    set_lock(claim, make_lock(F_UNLCK, own_byte, 1));
    return false;
}

} // namespace aoetarget::storage
