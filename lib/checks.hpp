// Whether what a host asks a target for is possible. Each check throws std::system_error where it is not.
#pragma once

#include <aoetarget/block_device.hpp>
#include <aoetarget/options.hpp>

namespace aoetarget {

[[noreturn]] void refuse(int error, const std::string& what);

void check(const TargetOptions& options);
void check(const std::string& interface, const InterfaceOptions& options);
void check(const ExportOptions& options);
/// `address`: of the export whose device this is.
void check(const Address& address, const Geometry& geometry);

} // namespace aoetarget
