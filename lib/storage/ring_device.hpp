// Devices: what stands behind an export. This layer knows the ring, and nothing of frames.
//
// This file: a device that does its I/O through the ring of the target that owns it.
#pragma once

namespace aoetarget::ring {
class Ring;
}

namespace aoetarget::storage {

class RingDevice {
  public:
    /// Called once, when the device is added to a target, before the first submit(). The ring outlives the
    /// device.
    virtual void attach(ring::Ring& ring) = 0;

  protected:
    ~RingDevice() = default;
};

} // namespace aoetarget::storage
