// Checks of the options and devices that a host gives to a target. Each throws std::system_error if one is
// not possible.
#pragma once

#include <aoetarget/block_device.hpp>
#include <aoetarget/options.hpp>

namespace aoetarget {

[[noreturn]] void refuse(int error, const std::string& what);

void check(const TargetOptions& options);
void check(const std::string& interface, const InterfaceOptions& options);
void check(const ExportOptions& options);
/// `address` belongs to the export that has this device.
void check(const Address& address, const Geometry& geometry);

} // namespace aoetarget
