// The table of lock holders, and what their shares need together.
#include "storage/lock_holder.hpp"

#include "storage/refusal.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <vector>

namespace aoetarget::storage {
namespace {

/// The lock holders of this process.
struct LockHolders {
    std::mutex mutex;
    std::vector<std::pair<Inode, std::weak_ptr<LockHolder>>> all;

    /// Never destroyed, because a target may be destroyed later than any static object.
    static LockHolders& get() {
        static LockHolders& holders = *new LockHolders;
        return holders;
    }
};

bool set_lock(const LockHolder& holder, struct flock lock) {
    return fcntl(holder.file.get(), F_OFD_SETLK, &lock) == 0;
}

constexpr Cache caches[] = {Cache::page, Cache::direct};

/// Returns the byte for a cache. Each export that writes through this cache has a shared lock on it.
std::uint64_t writers_byte(Cache cache) {
    return end_of_windows + (cache == Cache::page ? 0 : 1);
}

/// Locked for a moment, by which open files are told apart.
constexpr std::uint64_t probe_byte = end_of_windows + 2;

/// Whether this is the same open file as the one that has the probe byte locked.
bool has_probe(const LockHolder& holder) {
    struct flock lock = make_lock(F_WRLCK, probe_byte, 1);
    return fcntl(holder.file.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

/// Returns the lock that the shares need on a byte of their windows.
short needed_lock(const LockHolder& holder, std::uint64_t byte) {
    short needed = F_UNLCK;
    for (const LockShare& share : holder.shares) {
        if (byte < share.offset_bytes || byte >= share.end_bytes())
            continue;
        if (!share.read_only)
            return F_WRLCK;
        needed = F_RDLCK;
    }
    return needed;
}

/// Makes the locks of the windows what the shares need, piece by piece. Returns false, with errno, if a new
/// share needs what cannot be had; then it has to go, and this be called again.
bool fit_windows(LockHolder& holder) {
    std::set<std::uint64_t> needed;
    for (const LockShare& share : holder.shares)
        needed.insert({share.offset_bytes, share.end_bytes()});
    holder.borders.insert(needed.begin(), needed.end());
    std::optional<std::uint64_t> begin;
    for (const std::uint64_t end : holder.borders) {
        if (begin && !set_lock(holder, make_lock(needed_lock(holder, *begin), *begin, end - *begin)))
            return false;
        begin = end;
    }
    holder.borders = std::move(needed);
    return true;
}

/// Makes the locks of writers what the shares need. Returns false, with errno, if one cannot be had.
bool fit_writers(const LockHolder& holder) {
    return std::ranges::all_of(caches, [&](Cache cache) {
        const bool is_used =
            std::ranges::find(holder.shares, cache, &LockShare::writes_through) != holder.shares.end();
        return set_lock(holder, make_lock(is_used ? F_RDLCK : F_UNLCK, writers_byte(cache), 1));
    });
}

// If a page has dirty data of one window when a write to the other bypasses the page cache, the kernel lets
// all syncs of the file fail, or writes the page back over the other window's data. The kernel keeps pages in
// groups of up to 2 MiB, so it is not enough that the windows have no page in common. This was measured on
// Linux 6.18 with ext4 and XFS, where it happened with a border between windows on a page and not with one on
// 2 MiB, and on a block device.
/// Returns false, with errno, if the share cannot have its lock of writers: EBUSY if another open file has
/// the other one.
bool agrees_on_cache(const LockHolder& holder, const LockShare& share) {
    if (!share.writes_through)
        return true;
    const Cache other = share.writes_through == Cache::page ? Cache::direct : Cache::page;
    struct flock lock = make_lock(F_WRLCK, writers_byte(other), 1);
    if (!fit_writers(holder) || fcntl(holder.file.get(), F_OFD_GETLK, &lock) != 0)
        return false;
    errno = EBUSY;
    return lock.l_type == F_UNLCK;
}

/// The caller has locked the mutex.
OwnShare try_share(const std::shared_ptr<LockHolder>& holder, const LockShare& share) {
    holder->shares.push_back(share);
    if (fit_windows(*holder) && agrees_on_cache(*holder, share))
        return {&holder->shares.back(), GiveUp{holder}};
    const int error = errno;
    holder->shares.pop_back();
    fit_windows(*holder);
    fit_writers(*holder);
    errno = error;
    return nullptr;
}

/// Exchanges the files of two holders, of which the first has only shares that read, and the second none.
/// Read locks may lie over each other, so each window is locked all the time. Returns false, with errno, if
/// one cannot be locked through the other file.
bool exchange_files(LockHolder& holder, LockHolder& spare) {
    const bool is_locked = std::ranges::all_of(holder.shares, [&](const LockShare& share) {
        return set_lock(spare, make_lock(F_RDLCK, share.offset_bytes, share.length_bytes));
    });
    const int error = errno;
    if (is_locked) {
        std::swap(holder.file, spare.file);
        std::swap(holder.is_handed, spare.is_handed);
    }
    set_lock(spare, make_lock(F_UNLCK, 0, end_of_windows));
    errno = error;
    return is_locked;
}

} // namespace

struct flock make_lock(short type, std::uint64_t offset_bytes, std::uint64_t length_bytes) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(offset_bytes);
    lock.l_len = static_cast<off_t>(length_bytes);
    return lock;
}

bool is_held_elsewhere(int error) {
    return error == EAGAIN || error == EACCES;
}

bool has_no_locks(int error) {
    return error == ENOLCK || error == EOPNOTSUPP || error == ENOSYS || error == EINVAL;
}

void remember(const Inode& inode, const std::shared_ptr<LockHolder>& holder) {
    LockHolders& holders = LockHolders::get();
    const std::lock_guard lock(holders.mutex);
    std::erase_if(holders.all, [](const auto& entry) { return entry.second.expired(); });
    holders.all.emplace_back(inode, holder);
}

std::vector<std::shared_ptr<LockHolder>> find_holders(const Inode& inode) {
    LockHolders& holders = LockHolders::get();
    const std::lock_guard lock(holders.mutex);
    std::vector<std::shared_ptr<LockHolder>> found;
    for (const auto& [its_inode, weak] : holders.all) {
        if (auto holder = its_inode == inode ? weak.lock() : nullptr; holder != nullptr)
            found.push_back(std::move(holder));
    }
    return found;
}

bool note_handed(const Inode& inode, LockHolder& holder) {
    LockHolders& holders = LockHolders::get();
    const std::lock_guard lock(holders.mutex);
    holder.is_handed = true;
    if (!set_lock(holder, make_lock(F_RDLCK, probe_byte, 1)))
        return true;
    const bool is_known = std::ranges::any_of(holders.all, [&](const auto& entry) {
        const auto known = entry.first == inode ? entry.second.lock() : nullptr;
        return known != nullptr && known->is_handed && has_probe(*known);
    });
    set_lock(holder, make_lock(F_UNLCK, probe_byte, 1));
    return !is_known;
}

OwnShare take_share(const std::shared_ptr<LockHolder>& holder, const LockShare& share) {
    const std::lock_guard lock(LockHolders::get().mutex);
    return try_share(holder, share);
}

OwnShare take_share(const std::shared_ptr<LockHolder>& holder, const LockShare& share, LockHolder& spare) {
    const std::lock_guard lock(LockHolders::get().mutex);
    OwnShare own = try_share(holder, share);
    if (own != nullptr || errno != EBADF || !exchange_files(*holder, spare))
        return own;
    own = try_share(holder, share);
    if (own == nullptr) {
        const int error = errno;
        exchange_files(*holder, spare);
        errno = error;
    }
    return own;
}

OwnShare take_share_without_lock(const std::shared_ptr<LockHolder>& holder, const LockShare& share) {
    const std::lock_guard lock(LockHolders::get().mutex);
    holder->shares.push_back(share);
    return {&holder->shares.back(), GiveUp{holder}};
}

void GiveUp::operator()(const LockShare* share) const {
    const std::lock_guard lock(LockHolders::get().mutex);
    std::erase_if(holder->shares, [&](const LockShare& one) { return &one == share; });
    if (holder->shares.empty())
        return; // the locks end with the file
    fit_windows(*holder);
    fit_writers(*holder);
}

bool is_shared(const LockHolder& holder, const LockShare& share) {
    const std::lock_guard lock(LockHolders::get().mutex);
    return std::ranges::any_of(holder.shares, [&](const LockShare& other) {
        return &other != &share && !(other.read_only && share.read_only);
    });
}

bool join_writers(const std::string& path, LockHolder& holder, LockShare& share, Cache cache) {
    const std::lock_guard lock(LockHolders::get().mutex);
    share.writes_through = cache;
    if (agrees_on_cache(holder, share))
        return true;
    if (errno != EBUSY)
        refuse(errno, path, "");
    share.writes_through.reset();
    fit_writers(holder);
    return false;
}

} // namespace aoetarget::storage
