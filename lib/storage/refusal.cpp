// The advice for each error.
#include "storage/refusal.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace aoetarget::storage {

void refuse(int error, const std::string& path, std::string_view why) {
    throw std::system_error(error, std::generic_category(),
                            why.empty() ? fmt::format("cannot export {}", path)
                                        : fmt::format("cannot export {}: {}", path, why));
}

std::string_view open_advice(int error, bool read_only) {
    switch (error) {
    case ENOENT:
        return "it does not exist; check the path ('lsblk' lists disks; 'truncate -s SIZE FILE' makes an "
               "image)";
    case EPERM:
        return "it is protected from every user ('lsattr' shows immutable files; a container may not be "
               "given the device)";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files ('ulimit -n')";
    case EACCES:
        return read_only ? "this user may not read it; run as root or change its permissions"
                         : "this user may not write it; run as root, change its permissions, or export it "
                           "read-only";
    case EROFS:
        return "it can only be read; export it read-only";
    case EBUSY:
        return "it is mounted, or in use by another export or program; free it, or use force if you know "
               "that nothing else writes to it";
    case ETXTBSY:
        return "it is in use as swap or as a running program; free it, or export it read-only";
    case ENXIO:
    case ENODEV:
    case ENOMEDIUM:
        return "there is no device or no medium behind it";
    default:
        return "";
    }
}

} // namespace aoetarget::storage
