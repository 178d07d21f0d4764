// This layer has the devices of exports. It knows the ring, and nothing of frames.
//
// This file has the device that does its I/O through the ring of the target that owns it.
#pragma once

#include <string>

namespace aoetarget::ring {
class Ring;
}

namespace aoetarget::storage {

/// The file behind a device, and where it was opened.
struct FilePlace {
    std::string path; ///< From the root.
    int file = -1;
};

class RingDevice {
  public:
    /// The target calls this once, when the device is added, before the first submit(). The ring outlives the
    /// device.
    virtual void attach(ring::Ring& ring) = 0;
    [[nodiscard]] virtual FilePlace place() const = 0;
    /// Returns whether it was opened to be served by another process.
    [[nodiscard]] virtual bool is_unclaimed() const = 0;
    /// Returns whether another device has the same lock and one of them writes, so that one is to replace the
    /// other.
    [[nodiscard]] virtual bool shares_lock() const = 0;
    [[nodiscard]] virtual bool shares_lock_with(const RingDevice& other) const = 0;

  protected:
    ~RingDevice() = default;
};

} // namespace aoetarget::storage
