// The table of devices that this process has in exclusive use, and what a refusal says.
#include "storage/claim.hpp"

#include "storage/holder.hpp"
#include "storage/refusal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

namespace aoetarget::storage {

struct ExclusiveUse {
    Inode inode;
    ring::FileDescriptor device;
    unsigned exports = 0;
};

namespace {

/// The devices that this process has in exclusive use.
struct ExclusiveUses {
    std::mutex mutex;
    std::map<Inode, ExclusiveUse> by_inode;

    /// The table is never destroyed, because a target may be destroyed later than any static object.
    static ExclusiveUses& get() {
        static ExclusiveUses& uses = *new ExclusiveUses;
        return uses;
    }
};

/// Throws as open_file() does, and names the holder of a file that is in use.
[[noreturn]] void refuse_open(int error, const std::string& path, bool read_only) {
    struct stat status {};
    std::string holder;
    if ((error == EBUSY || error == ETXTBSY) && stat(path.c_str(), &status) == 0)
        holder = find_holder(status);
    refuse(error, path, holder.empty() ? open_advice(error, read_only) : std::string_view(holder));
}

ring::FileDescriptor open_or_refuse(const std::string& path, int flags) {
    ring::FileDescriptor file(open(path.c_str(), flags | O_CLOEXEC));
    if (!file.valid())
        refuse_open(errno, path, (flags & O_ACCMODE) == O_RDONLY);
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

/// The caller has opened the device already, so opening it once more is quick and holds the mutex only
/// briefly.
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

/// If this process has the exclusive use already, `exclusive` is one more descriptor of the same open file,
/// since the kernel grants it to one.
DeviceClaim adopt_device(const Inode& inode, ring::FileDescriptor exclusive) {
    ExclusiveUses& uses = ExclusiveUses::get();
    const std::lock_guard lock(uses.mutex);
    const auto found = uses.by_inode.try_emplace(inode, ExclusiveUse{inode, std::move(exclusive)}).first;
    ++found->second.exports;
    return DeviceClaim(&found->second);
}

/// Returns null if this process does not have the exclusive use.
DeviceClaim share_device(const Inode& inode) {
    ExclusiveUses& uses = ExclusiveUses::get();
    const std::lock_guard lock(uses.mutex);
    const auto found = uses.by_inode.find(inode);
    if (found == uses.by_inode.end())
        return nullptr;
    ++found->second.exports;
    return DeviceClaim(&found->second);
}

/// Returns whether the claim has the locks now. If it shares them, it shares those of a device of this
/// process that has the same file open: the one whose window or cache is in its way. Leaves errno if not.
bool take_locks(Claim& claim, const Inode& inode, const LockShare& share, bool shares) {
    claim.share = take_share(claim.holder, share);
    if (claim.share != nullptr) {
        remember(inode, claim.holder);
        return true;
    }
    if (!shares || has_no_locks(errno))
        return false;
    for (const auto& holder : find_holders(inode)) {
        if (OwnShare own = take_share(holder, share, *claim.holder); own != nullptr) {
            claim.share = std::move(own);
            claim.holder = holder;
            return true;
        }
    }
    return false;
}

void take_sent_locks(const std::string& path, Claim& claim, const Inode& inode, const SentClaim& sent) {
    if (take_locks(claim, inode, sent.share, sent.replaces))
        return;
    if (is_held_elsewhere(errno))
        refuse(EBUSY, path,
               "another export or program has this part of it in use; stop that one, or export another part");
    if (errno == EBUSY)
        refuse(EBUSY, path, "another export of the file uses the other cache, which loses data");
    if (!has_no_locks(errno) || sent.relies_on_lock)
        refuse(errno, path, "its window cannot be locked");
    claim.share = take_share_without_lock(claim.holder, sent.share);
    remember(inode, claim.holder);
}

} // namespace

void GiveBack::operator()(ExclusiveUse* use) const {
    ExclusiveUses& uses = ExclusiveUses::get();
    const std::lock_guard lock(
        uses.mutex); // held until the descriptor is closed, so that the next claim finds the device free
    if (--use->exports == 0)
        uses.by_inode.erase(uses.by_inode.find(use->inode));
}

bool shares_lock(const Claim& claim) {
    return claim.share != nullptr && is_shared(*claim.holder, *claim.share);
}

bool join_writers(const std::string& path, const Claim& claim, Cache cache) {
    return join_writers(path, *claim.holder, *claim.share, cache);
}

void take_lock_file(const std::string& path, Claim& claim, ring::FileDescriptor file) {
    claim.holder = std::make_shared<LockHolder>();
    claim.holder->file = std::move(file);
    if (!note_handed(inode_of(path, claim.holder->file), *claim.holder))
        refuse(EBUSY, path,
               "another export has the same open file, so that no lock keeps them apart; open it anew for "
               "each export");
}

int exclusive_descriptor(const Claim& claim) {
    return claim.device ? claim.device->device.get() : -1;
}

Claim claim_file(const std::string& path, const FileOptions& options, Claiming claiming) {
    Claim claim;
    claim.holder = std::make_shared<LockHolder>();
    const bool reads = options.read_only || claiming == Claiming::nowhere;
    claim.holder->file = open_or_refuse(path, reads ? O_RDONLY : O_RDWR);
    const bool claims = claiming == Claiming::here || (claiming == Claiming::elsewhere && !options.replaces);
    if (claims && S_ISBLK(status_of(path, claim.holder->file).st_mode) && !options.force)
        claim.device = claim_device(path, options.read_only, inode_of(path, claim.holder->file));
    return claim;
}

Claim adopt_claim(const std::string& path, SentClaim sent) {
    const struct stat status = status_of(path, sent.holder);
    const Inode inode{status.st_dev, status.st_ino};
    Claim claim;
    take_lock_file(path, claim, std::move(sent.holder));
    if (sent.exclusive.valid())
        claim.device = adopt_device(inode, std::move(sent.exclusive));
    else if (!sent.share.read_only)
        claim.device = share_device(inode);
    if (S_ISBLK(status.st_mode) && claim.device == nullptr) {
        if (sent.relies_on_lock)
            refuse(EBADMSG, path, "it reads ahead, and no export here has its exclusive use");
        if (sent.replaces && find_holders(inode).empty())
            refuse(EBADMSG, path, "it was sent without its exclusive use, and no export here has the disk");
    }
    take_sent_locks(path, claim, inode, sent);
    return claim;
}

ring::FileDescriptor open_claimed(const std::string& path, int access, const Claim& claim) {
    return open_same(path, access, inode_of(path, claim.holder->file));
}

std::optional<struct flock> find_rival_lock(const Claim& claim, std::uint64_t offset_bytes,
                                            std::uint64_t length_bytes, bool read_only) {
    struct flock lock = make_lock(read_only ? F_RDLCK : F_WRLCK, offset_bytes, length_bytes);
    if (fcntl(claim.holder->file.get(), F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
        return std::nullopt;
    return lock;
}

std::string rival_text(const std::string& path, const Claim& claim, const struct flock& lock) {
    const std::string holder = find_lock_holder(status_of(path, claim.holder->file), lock);
    return fmt::format("this part of it is in use by {}; stop that one, export another part, or export it "
                       "read-only everywhere",
                       holder.empty() ? "another export or program" : holder);
}

bool lock_window(const std::string& path, Claim& claim, std::uint64_t offset_bytes,
                 std::uint64_t length_bytes, const FileOptions& options, std::vector<std::string>& notes) {
    const LockShare share{
        .offset_bytes = offset_bytes, .length_bytes = length_bytes, .read_only = options.read_only};
    if (take_locks(claim, inode_of(path, claim.holder->file), share, options.replaces))
        return true;
    if (is_held_elsewhere(errno))
        refuse(EBUSY, path,
               rival_text(path, claim,
                          find_rival_lock(claim, offset_bytes, length_bytes, options.read_only)
                              .value_or(make_lock(F_WRLCK, offset_bytes, length_bytes))));
    notes.push_back(fmt::format("It could not be locked against other programs: {}.",
                                std::generic_category().message(errno)));
    claim.share = take_share_without_lock(claim.holder, share);
    return false;
}

} // namespace aoetarget::storage
