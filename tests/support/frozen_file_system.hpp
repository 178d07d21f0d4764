// A file system that the tests freeze, so that all writes to it wait. In this way every kernel has a disk
// that does not answer.
#pragma once

#include "backing.hpp"

#include <string>

#include <sys/types.h>

namespace aoetest {

// An ext4 in a mount namespace of the tests' own. It is in memory, so that figures do not depend on the
// machine's disk. Needs real root and mkfs.ext4.
class MemoryFileSystem {
  public:
    static bool is_available();

    // `block_bytes`: 512 or 4096, the logical block of the device below, which O_DIRECT has to keep to.
    explicit MemoryFileSystem(std::uint64_t bytes, unsigned block_bytes = 512);
    ~MemoryFileSystem(); // must not be frozen
    MemoryFileSystem(const MemoryFileSystem&) = delete;
    MemoryFileSystem& operator=(const MemoryFileSystem&) = delete;

    const std::string& folder() const { return folder_; }
    bool is_frozen() const;

  private:
    SmallFileSystem medium_;
    ImageFile file_;
    LoopDevice device_;
    std::string folder_;
};

// Keeps a file system frozen. A process that waits for a frozen file system cannot be killed; therefore the
// freeze ends with the object, or else with the test's process, or after a minute: a child process sees to
// the last two.
//
// Make it after all objects that have files there (images, targets), so that it is gone before them.
class Freeze {
  public:
    explicit Freeze(const MemoryFileSystem& file_system);
    ~Freeze() { thaw(); }
    Freeze(const Freeze&) = delete;
    Freeze& operator=(const Freeze&) = delete;

    void thaw();

  private:
    int folder_fd_ = -1;
    int life_line_ = -1; // Closed with this process at the latest, which the guard notices.
    pid_t guard_ = -1;
};

} // namespace aoetest
