// A target that answered, as C sees it.
#pragma once

#include "c/structs.hpp"

#include <aoetarget-c/discover.h>
#include <aoetarget/discover.hpp>

#include <algorithm>

namespace aoetarget::c_interface {

/// Fills in an entry of a list, which must outlive its strings.
inline int fill_entry(const std::vector<DiscoveredTarget>& list, std::size_t index, aoetarget_discovered* out,
                      std::size_t size) {
    const DiscoveredTarget& from = entry_of(list, index);
    aoetarget_discovered to{};
    to.shelf = from.address.shelf;
    to.slot = from.address.slot;
    std::ranges::copy(from.mac.bytes, to.mac);
    to.sectors_per_frame = from.sectors_per_frame;
    to.buffer_count = from.buffer_count;
    to.firmware_version = from.firmware_version;
    to.config_string = from.config_string.data();
    to.config_string_bytes = from.config_string.size();
    to.sectors = from.sectors;
    to.model = from.model.c_str();
    to.serial = from.serial.c_str();
    return fill(out, size, to);
}

} // namespace aoetarget::c_interface
