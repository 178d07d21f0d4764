// Reads inotify, and compares the file that the path names now with the one that is open.
#include "storage/path_watch.hpp"

#include "storage/path_parts.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace aoetarget::storage {
namespace {

// How long to wait before looking again at a path that names something else, or nothing: the file that it
// will name next is not watched.
constexpr __kernel_timespec between_looks{.tv_sec = 2, .tv_nsec = 0};

} // namespace

std::string_view PathWatch::text(Names names, bool block_device) {
    switch (names) {
    case Names::the_file:
        return "Its path names what it serves again.";
    case Names::another_file:
        return block_device
                   ? "Its path names another device now. The export continues with the device that was "
                     "opened; reopen the export, or restart the target, to take the new one."
                   : "Its path names another file now. The export continues with the file that was opened, "
                     "whose data is lost when the target ends if it has no other name; reopen the export, or "
                     "restart the target, to take the new one.";
    case Names::nothing:
        return block_device
                   ? "Its path names no device any more. The export continues with the device that was "
                     "opened."
                   : "Its path names no file any more. The export continues with the file that was opened. "
                     "If that was deleted, its data is lost when the target ends: copy it on an initiator.";
    }
    return "";
}

PathWatch::PathWatch(ring::Ring& ring, core::EventLog& events) : RegisteredHandler(ring), events_(events) {
    ring.allow(IORING_OP_STATX);
}

/// Takes over the folder that is watched for the export, if the path is the same.
ring::FileDescriptor PathWatch::take_folder(const Address& address, const std::string& path) {
    const auto found = std::ranges::find_if(
        watched_, [&](const auto& one) { return one->address == address && one->path == path; });
    return found == watched_.end() ? ring::FileDescriptor() : std::move((*found)->folder);
}

void PathWatch::add(const Address& address, const FilePlace& place) {
    ring::FileDescriptor folder = take_folder(address, place.path);
    remove(address);
    struct stat status {};
    if (!inotify_.valid())
        inotify_ = ring::FileDescriptor(inotify_init1(IN_CLOEXEC)); // blocking: the ring waits for it
    if (!inotify_.valid() || fstat(place.file, &status) != 0)
        return;
    auto watched = std::make_unique<Watched>();
    watched->address = address;
    watched->block_device = S_ISBLK(status.st_mode);
    watched->device = watched->block_device ? status.st_rdev : status.st_dev;
    watched->inode = watched->block_device ? 0 : status.st_ino;
    const std::size_t slash = place.path.rfind('/');
    watched->path = place.path;
    watched->name = place.path.substr(slash + 1);
    if (!folder.valid())
        folder = ring::FileDescriptor(
            open(place.path.substr(0, slash + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    watched->folder = std::move(folder);
    watch_way(*watched);
    watched_.push_back(std::move(watched));
    if (!reading_)
        start(Operation::read);
}

/// Also watches what is new there. A folder that is watched for more would tell of all of its files.
void PathWatch::watch_way(Watched& watched) const {
    constexpr std::uint32_t goes = IN_MOVE_SELF | IN_DELETE_SELF, loses_its_name = goes | IN_ATTRIB;
    const auto add = [&](const std::string& path, std::uint32_t mask) {
        const int number = inotify_add_watch(inotify_.get(), path.c_str(), mask);
        if (number >= 0 && std::ranges::count(watched.numbers, number) == 0)
            watched.numbers.push_back(number);
        return number >= 0 || errno != ENOTDIR;
    };
    add(watched.path, loses_its_name); // links may be out of reach
    for (const std::string& part : path_parts(watched.path)) {
        if (!add(part, goes | IN_DONT_FOLLOW | IN_ONLYDIR))
            add(part, loses_its_name | IN_DONT_FOLLOW);
    }
}

void PathWatch::remove(const Address& address) {
    const auto found =
        std::ranges::find_if(watched_, [&](const auto& one) { return one->address == address; });
    if (found == watched_.end())
        return;
    std::unique_ptr<Watched> gone = std::move(*found);
    watched_.erase(found);
    for (const int number : gone->numbers) {
        const auto has_it = [&](const auto& one) { return std::ranges::count(one->numbers, number) > 0; };
        if (std::ranges::none_of(watched_, has_it)) // the kernel gives each file one number
            inotify_rm_watch(inotify_.get(), number);
    }
    if (gone.get() == looking_at_)
        removed_ = std::move(gone);
}

void PathWatch::stop() {
    stopping_ = true;
    for (const Operation operation : {Operation::read, Operation::look, Operation::wait})
        cancel(static_cast<std::uint64_t>(operation));
}

void PathWatch::start(Operation operation) {
    submit(static_cast<std::uint64_t>(operation), [&](io_uring_sqe* sqe) {
        switch (operation) {
        case Operation::read:
            reading_ = true;
            io_uring_prep_read(sqe, inotify_.get(), messages_.data(), static_cast<unsigned>(messages_.size()),
                               0);
            break;
        case Operation::look:
            io_uring_prep_statx(sqe, looking_at_->by_folder ? looking_at_->folder.get() : AT_FDCWD,
                                looking_at_->by_folder ? looking_at_->name.c_str()
                                                       : looking_at_->path.c_str(),
                                0, STATX_INO | STATX_TYPE, &found_);
            break;
        case Operation::wait:
            waiting_ = true;
            io_uring_prep_timeout(sqe, const_cast<__kernel_timespec*>(&between_looks), 0, 0);
            break;
        }
    });
}

void PathWatch::on_completion(std::uint64_t argument, int result, std::uint32_t) {
    switch (static_cast<Operation>(argument)) {
    case Operation::read:
        reading_ = false;
        read_done(result);
        break;
    case Operation::look:
        looked(result);
        break;
    case Operation::wait:
        waiting_ = false;
        for (const auto& watched : watched_)
            watched->is_due |= watched->names != Names::the_file;
        look_next();
        break;
    }
}

void PathWatch::read_done(int result) {
    if (stopping_ || (result < 0 && result != -EINTR))
        return;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(std::max(result, 0));) {
        inotify_event event{};
        std::memcpy(&event, messages_.data() + at, sizeof event);
        at += sizeof event + event.len;
        for (const auto& watched : watched_) {
            if ((event.mask & IN_IGNORED) != 0) // it does not exist any more
                std::erase(watched->numbers, event.wd);
            watched->is_due |=
                event.wd < 0 || std::ranges::count(watched->numbers, event.wd) > 0; // -1: overflow
        }
    }
    start(Operation::read);
    look_next();
}

void PathWatch::look_next() {
    if (looking_at_ != nullptr || stopping_)
        return;
    const auto due = std::ranges::find_if(watched_, [](const auto& watched) { return watched->is_due; });
    if (due != watched_.end()) {
        (*due)->is_due = false;
        looking_at_ = due->get();
        start(Operation::look);
    }
}

void PathWatch::looked(int result) {
    Watched* watched = std::exchange(looking_at_, nullptr);
    const bool lacks_rights = result == -EACCES && !watched->by_folder && watched->folder.valid();
    if (removed_ == nullptr && !stopping_ && lacks_rights)
        watched->by_folder = watched->is_due = true;
    else if (removed_ == nullptr && !stopping_)
        found(*watched, result);
    removed_.reset();
    look_next();
}

void PathWatch::found(Watched& watched, int result) {
    Names names = Names::nothing;
    if (result == 0) {
        const std::uint64_t device = watched.block_device
                                         ? makedev(found_.stx_rdev_major, found_.stx_rdev_minor)
                                         : makedev(found_.stx_dev_major, found_.stx_dev_minor);
        const bool same = S_ISBLK(found_.stx_mode) == watched.block_device && device == watched.device &&
                          (watched.block_device || found_.stx_ino == watched.inode);
        names = same ? Names::the_file : Names::another_file;
    } else if (result != -ENOENT && result != -ENOTDIR) {
        names = watched.names; // it is out of reach, and may be in its place
    }
    if (std::exchange(watched.names, names) != names)
        events_.tell(names == Names::the_file ? Severity::notice : Severity::warning,
                     EventKind::path_replaced, to_string(watched.address),
                     std::string(text(names, watched.block_device)));
    if (names == Names::the_file)
        watch_way(watched);
    else if (!waiting_)
        start(Operation::wait);
}

} // namespace aoetarget::storage
