// Looks once a second, by name, and opens a disk only when it is the right one: udev and others look at a
// disk again whenever somebody who may write to it closes it.
#include "service/lost_disks.hpp"

#include "failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace cli {
namespace {

using namespace std::chrono_literals;

constexpr int between_looks_ms = 1000;
constexpr std::chrono::seconds longest_pause{32};

std::pair<dev_t, ino_t> node_of(int file) {
    struct stat status {};
    fstat(file, &status);
    return {status.st_dev, status.st_ino};
}

} // namespace

KnownDisk look_at(const ExportSpec& spec) {
    struct stat status {};
    KnownDisk disk{spec.path, spec.file, aoetarget::find_own_identity(spec.path, spec.file), {}};
    disk.options.force = false; // somebody may have mounted a disk that was away
    if (stat(spec.path.c_str(), &status) == 0)
        disk.node = {status.st_dev, status.st_ino};
    return disk;
}

LostDisks::LostDisks(std::vector<KnownDisk> disks, std::vector<int> sockets) : sockets_(std::move(sockets)) {
    for (KnownDisk& known : disks)
        disks_.push_back({.known = std::move(known), .exported = static_cast<std::uint32_t>(disks_.size())});
}

void LostDisks::run() {
    std::vector<pollfd> ready;
    for (const int socket : sockets_)
        ready.push_back({.fd = socket, .events = POLLIN, .revents = 0});
    for (;;) {
        poll(ready.data(), ready.size(), is_any_lost() ? between_looks_ms : -1);
        for (const int socket : sockets_) {
            if (!read_requests(socket))
                return;
        }
        for (Disk& disk : disks_) {
            if (!disk.is_lost)
                continue;
            const Group group = group_of(disk);
            if (group.front() == &disk)
                look_for(group);
        }
    }
}

bool LostDisks::is_any_lost() const {
    return std::ranges::any_of(disks_, &Disk::is_lost);
}

LostDisks::Group LostDisks::group_of(const Disk& disk) {
    Group group;
    for (Disk& other : disks_) {
        if (!other.known.identity.empty() && other.known.node == disk.known.node)
            group.push_back(&other);
    }
    return group;
}

bool LostDisks::read_requests(int socket) {
    for (;;) {
        DiskRequest request;
        const ssize_t got = recv(socket, &request, sizeof request, MSG_DONTWAIT);
        if (got <= 0)
            return got < 0;
        if (got != sizeof request || request.exported >= disks_.size())
            continue;
        for (Disk* disk : group_of(disks_[request.exported])) {
            disk->is_lost = request.kind == DiskRequest::Kind::watch;
            disk->told.clear();
            disk->seen = disk->known.identity;
            disk->next_attempt = {};
            disk->pause = 1s;
        }
    }
}

void LostDisks::look_for(const Group& group) {
    for (Disk* disk : group) {
        struct stat status {};
        const KnownDisk& known = disk->known;
        if (stat(known.path.c_str(), &status) != 0 || !S_ISBLK(status.st_mode) ||
            std::pair(status.st_dev, status.st_ino) == known.node)
            return; // there is nothing, or only what is lost
        const std::string found = aoetarget::find_own_identity(known.path, known.options);
        if (found == known.identity)
            continue;
        if (std::exchange(disk->seen, found) == found) // a disk that has just come may not have its name yet
            tell(*disk, DiskReport::Kind::other_disk,
                 fmt::format("{} names another disk now ({} instead of {}).", known.path,
                             found.empty() ? "one without UUID, WWN and serial number" : found,
                             known.identity));
        return;
    }
    if (Clock::now() >= group.front()->next_attempt)
        open(group);
}

void LostDisks::open(const Group& group) {
    std::vector<std::unique_ptr<aoetarget::FileDevice>> devices;
    for (Disk* disk : group) {
        try {
            devices.push_back(aoetarget::open_file(disk->known.path, disk->known.options));
            if (devices.back()->identity() != disk->known.identity)
                return; // the path has just changed
        } catch (const std::system_error& error) {
            tell(*disk, DiskReport::Kind::refused, message_of(error));
            group.front()->next_attempt = Clock::now() + group.front()->pause;
            group.front()->pause = std::min<Clock::duration>(2 * group.front()->pause, longest_pause);
            return;
        }
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
        Disk& disk = *group[i];
        DiskReport report{
            .kind = DiskReport::Kind::device, .exported = disk.exported, .device = take_apart(*devices[i])};
        disk.known.node = node_of(report.device.descriptors.front());
        disk.is_lost = false;
        send(socket_of(disk), report);
    }
}

void LostDisks::tell(Disk& disk, DiskReport::Kind kind, std::string text) {
    if (disk.told == text)
        return;
    disk.told = text;
    send(socket_of(disk), {.kind = kind, .exported = disk.exported, .text = std::move(text)});
}

} // namespace cli
