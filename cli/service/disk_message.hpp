// The messages between the process that serves and the one that opens disks for it.
#pragma once

#include <aoetarget/hand_over.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace cli {

/// What the serving process may ask. It names an export by its place in the configuration, and nothing else,
/// so whoever takes that process over gains no access to other files.
struct DiskRequest {
    enum class Kind : std::uint32_t {
        watch, ///< The disk of the export has vanished.
        forget ///< It works again.
    };
    Kind kind = Kind::watch;
    std::uint32_t exported = 0;
};

struct DiskReport {
    enum class Kind : std::uint32_t {
        device,     ///< The disk is back, and this is it.
        other_disk, ///< The path names another one.
        refused     ///< The disk is back and cannot be opened.
    };
    Kind kind = Kind::device;
    std::uint32_t exported = 0;
    aoetarget::DeviceParts device = {}; ///< Of the disk that is back.
    std::string text = {};              ///< A human-readable sentence in the other cases.
};

/// Waits until there is room. Returns false if nobody is there any more, or if the kernel refuses it.
bool send(int socket, const DiskReport& report);

/// Returns the next report, or nothing if there is none now. The caller owns its descriptors. If they were
/// cut off, there are none.
std::optional<DiskReport> receive(int socket);

} // namespace cli
