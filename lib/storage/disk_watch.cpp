// Reads the socket of uevents through the ring.
#include "storage/disk_watch.hpp"

#include <cerrno>
#include <charconv>

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace aoetarget::storage {
namespace {

constexpr std::uint32_t events_of_kernel = 1; // the group; udev sends to another

/// Returns the value of a field in a list of "NAME=value", each with a zero at its end.
std::string_view field(std::string_view message, std::string_view name) {
    while (!message.empty()) {
        const std::size_t end = message.find('\0');
        const std::string_view one = message.substr(0, end);
        if (one.starts_with(name) && one.substr(name.size()).starts_with('='))
            return one.substr(name.size() + 1);
        message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
    }
    return {};
}

unsigned number(std::string_view text) {
    unsigned value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

} // namespace

dev_t changed_device(std::string_view uevent) {
    if (field(uevent, "SUBSYSTEM") != "block" || field(uevent, "ACTION") != "change")
        return 0;
    return makedev(number(field(uevent, "MAJOR")), number(field(uevent, "MINOR")));
}

DiskWatch::DiskWatch(ring::Ring& ring, std::function<void(const Address&)> changed)
    : RegisteredHandler(ring), changed_(std::move(changed)) {}

void DiskWatch::add(const Address& address, int file) {
    struct stat status {};
    if (fstat(file, &status) != 0 || !S_ISBLK(status.st_mode))
        return;
    disks_.emplace_back(status.st_rdev, address);
    if (socket_.valid())
        return;
    socket_ = ring::FileDescriptor(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT));
    sockaddr_nl group{};
    group.nl_family = AF_NETLINK;
    group.nl_groups = events_of_kernel;
    if (socket_.valid() && bind(socket_.get(), reinterpret_cast<const sockaddr*>(&group), sizeof group) == 0)
        receive();
}

void DiskWatch::remove(const Address& address) {
    std::erase_if(disks_, [&](const auto& disk) { return disk.second == address; });
}

void DiskWatch::stop() {
    stopping_ = true; // the cancellation may come just after a message
    cancel(0);
}

void DiskWatch::receive() {
    submit(0, [&](io_uring_sqe* sqe) {
        io_uring_prep_recv(sqe, socket_.get(), message_.data(), message_.size(), 0);
    });
}

/// A device sends the same kind of event for each of its changes, and device mapper does not say which.
void DiskWatch::on_completion(std::uint64_t, int result, std::uint32_t) {
    if (stopping_ || (result < 0 && result != -ENOBUFS && result != -EINTR))
        return;
    const bool lost = result < 0; // then any may have changed
    const dev_t device = lost ? 0 : changed_device({message_.data(), static_cast<std::size_t>(result)});
    receive();
    const auto disks = disks_; // the host may change the target when it is called
    for (const auto& [its_device, address] : disks) {
        if (lost || its_device == device)
            changed_(address);
    }
}

} // namespace aoetarget::storage
