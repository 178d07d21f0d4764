// The options of C as those of C++.
#pragma once

#include <aoetarget-c/file_device.h>
#include <aoetarget-c/options.h>
#include <aoetarget/file_device.hpp>
#include <aoetarget/options.hpp>

namespace aoetarget::c_interface {

// Each takes a struct of the caller, or NULL, and throws as check_size() does, and EINVAL for what is not one
// of the constants or no MAC address.
InterfaceOptions options_from(const aoetarget_interface_options* from);
ExportOptions options_from(const aoetarget_export_options* from);
FileOptions options_from(const aoetarget_file_options* from);

} // namespace aoetarget::c_interface
