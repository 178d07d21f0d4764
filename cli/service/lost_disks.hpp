// What the process does that opens disks again: it looks for those that have vanished, until they are back.
#pragma once

#include "config/export_spec.hpp"
#include "service/disk_message.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace cli {

/// The disk of an export, as it was at the start or when it last came back.
struct KnownDisk {
    std::string path;
    aoetarget::FileOptions options;
    std::string identity; ///< Empty if the disk could not be told from others, or is a regular file.
    /// The device node. The kernel does not use its numbers again while the serving process has the disk
    /// open.
    std::pair<dev_t, ino_t> node;
};

/// Looks at the path now. It opens nothing.
KnownDisk look_at(const ExportSpec& spec);

class LostDisks {
  public:
    /// Export number N is served by thread number N modulo the count of sockets.
    LostDisks(std::vector<KnownDisk> disks, std::vector<int> sockets);

    /// Returns when the serving process has ended.
    void run();

  private:
    using Clock = std::chrono::steady_clock;

    struct Disk {
        KnownDisk known;
        std::uint32_t exported = 0;
        bool is_lost = false;
        std::string seen = {}; ///< The identity that its path named when it was looked at last.
        std::string told = {}; ///< The last text about it.
        Clock::time_point next_attempt = {};
        Clock::duration pause{};
    };
    using Group = std::vector<Disk*>;

    [[nodiscard]] bool is_any_lost() const;
    /// The exports of one disk: they are lost together, and are opened together, since only one process can
    /// have exclusive use of it.
    [[nodiscard]] Group group_of(const Disk& disk);
    /// Returns false when the serving process has ended.
    bool read_requests(int socket);
    void look_for(const Group& group);
    void open(const Group& group);
    void tell(Disk& disk, DiskReport::Kind kind, std::string text);
    [[nodiscard]] int socket_of(const Disk& disk) const { return sockets_[disk.exported % sockets_.size()]; }

    std::vector<Disk> disks_;
    std::vector<int> sockets_;
};

} // namespace cli
