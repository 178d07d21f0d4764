// Devices of files and disks.
#include "c/device.hpp"
#include "c/options.hpp"
#include "c/structs.hpp"

#include <aoetarget-c/file_device.h>

using namespace aoetarget::c_interface;

namespace {

constexpr const char* no_path = "there is no path; pass one";

} // namespace

aoetarget_device* aoetarget_open_file(const char* path, const aoetarget_file_options* options) {
    return guarded_pointer(
        [&] { return handle_of(aoetarget::open_file(&needed(path, no_path), options_from(options))); });
}

const char* aoetarget_device_mode(const aoetarget_device* device) {
    return guarded_pointer([&] {
        file_of(device);
        return device->mode.c_str();
    });
}

const char* aoetarget_device_note(const aoetarget_device* device, size_t index) {
    return guarded_pointer([&] { return entry_of(file_of(device).notes(), index).c_str(); });
}

int aoetarget_find_own_identity(const char* path, const aoetarget_file_options* options, char* text,
                                size_t bytes) {
    return guarded([&] {
        return fill_text(text, bytes,
                         aoetarget::find_own_identity(&needed(path, no_path), options_from(options)));
    });
}
