// Tells when an exported block device may have another size (kernel uevents).
#pragma once

#include "ring/file_descriptor.hpp"
#include "ring/ring.hpp"

#include <aoetarget/address.hpp>

#include <array>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace aoetarget::storage {

/// Returns the device that a uevent says has changed, or 0 if it says something else.
dev_t changed_device(std::string_view uevent);

/// May be destroyed only when quiet().
class DiskWatch final : private ring::RegisteredHandler {
  public:
    /// Calls `changed` for each export whose device has changed in any way.
    DiskWatch(ring::Ring& ring, std::function<void(const Address&)> changed);

    /// Ignores files that are not block devices. If the kernel's events cannot be had, nothing is told.
    void add(const Address& address, int file);
    void remove(const Address& address);

    void stop();
    using RegisteredHandler::quiet;

  private:
    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void receive();

    const std::function<void(const Address&)> changed_;
    ring::FileDescriptor socket_; ///< Open from the first block device on.
    std::vector<std::pair<dev_t, Address>> disks_;
    std::array<char, 4096> message_{}; ///< The kernel sends less than 2048 bytes of text.
    bool stopping_ = false;
};

} // namespace aoetarget::storage
