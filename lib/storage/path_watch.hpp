// Tells when the path of an exported file names another file, or none: the target continues with the file
// that it has open.
//
// The kernel tells of changes to the file itself, and to each folder and symbolic link on the way to it
// (inotify). A file that loses its name changes its number of links, so nothing that happens to other files
// of the folder costs anything, and writes do not either. While the path names something else, it is looked
// at every two seconds. Everything goes through the ring, because a confined process can neither open nor
// look up files otherwise.
#pragma once

#include "core/event_log.hpp"
#include "ring/file_descriptor.hpp"
#include "ring/ring.hpp"
#include "storage/ring_device.hpp"

#include <aoetarget/address.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

namespace aoetarget::storage {

/// May be destroyed only when quiet().
class PathWatch final : private ring::RegisteredHandler {
  public:
    PathWatch(ring::Ring& ring, core::EventLog& events);

    /// Watches the path for the export, and no longer the one of its last device. If that was the same,
    /// nothing is opened. If the kernel watches no more files for this user, nothing is told.
    void add(const Address& address, const FilePlace& place);
    void remove(const Address& address);

    void stop();
    using RegisteredHandler::quiet;

  private:
    enum class Operation : std::uint64_t { read, look, wait };
    enum class Names { the_file, another_file, nothing };

    struct Watched {
        Address address;
        bool block_device = false;
        std::uint64_t device = 0, inode = 0; ///< What tells the file from others.
        ring::FileDescriptor folder;
        std::string path;         ///< From the root.
        std::string name;         ///< In the folder.
        std::vector<int> numbers; ///< Those that the kernel has given to all that is watched.
        /// The process has given up the right to follow the whole path, and looks into the folder instead.
        bool by_folder = false;
        Names names = Names::the_file;
        bool is_due = false; ///< Something has happened to it since the last look.
    };

    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    ring::FileDescriptor take_folder(const Address& address, const std::string& path);
    void watch_way(Watched& watched) const;
    void start(Operation operation);
    void read_done(int result);
    void look_next();
    void looked(int result);
    void found(Watched& watched, int result);
    static std::string_view text(Names names, bool block_device);

    core::EventLog& events_;
    ring::FileDescriptor inotify_;
    std::vector<std::unique_ptr<Watched>> watched_;
    Watched* looking_at_ = nullptr;    ///< Null if the kernel looks at none.
    std::unique_ptr<Watched> removed_; ///< The same, if it was removed meanwhile.
    struct statx found_ {};
    std::array<std::byte, 4096> messages_{};
    bool reading_ = false, waiting_ = false, stopping_ = false;
};

} // namespace aoetarget::storage
