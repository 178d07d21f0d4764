// A device on its way to a target.
#pragma once

#include "c/error.hpp"

#include <aoetarget-c/device.h>
#include <aoetarget/file_device.hpp>
#include <aoetarget/hand_over.hpp>

#include <memory>
#include <string>

struct aoetarget_device {
    std::unique_ptr<aoetarget::BlockDevice> device;
    const aoetarget::FileDevice* file = nullptr; ///< The same, if the library has opened it.
    std::string mode{};
    aoetarget::DeviceParts parts{};
};

namespace aoetarget::c_interface {

/// Takes the device out of its handle, which ends.
inline std::unique_ptr<BlockDevice> released(aoetarget_device* device) noexcept {
    const std::unique_ptr<aoetarget_device> handle(device);
    return handle != nullptr ? std::move(handle->device) : nullptr;
}

/// Makes the handle of a device that the library has opened.
inline aoetarget_device* handle_of(std::unique_ptr<FileDevice> file) {
    auto handle = std::make_unique<aoetarget_device>();
    handle->file = file.get();
    handle->mode = file->mode();
    handle->device = std::move(file);
    return handle.release();
}

/// Returns the device that the library has opened; another one has nothing of what is asked for.
inline const FileDevice& file_of(const aoetarget_device* device) {
    return needed(needed(device, "there is no device; pass one").file,
                  "the device is not one of a file that the library has opened");
}

} // namespace aoetarget::c_interface
