// The checks of a host's options, one for each kind.
#include "checks.hpp"

#include "core/bounce_pool.hpp"
#include "core/mac_list.hpp"
#include "protocol/aoe.hpp"
#include "protocol/identify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <system_error>

namespace aoetarget {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::microseconds longest_busy_poll{1000};

bool is_printable(const std::string& text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

} // namespace

void refuse(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

void check(const TargetOptions& options) {
    if (options.buffer_count < 2 || options.buffer_count > 65535)
        refuse(
            EINVAL,
            fmt::format("a buffer count of {} is out of range: it must be 2 to 65535 (with less than 2 Linux "
                        "initiators would never send)",
                        options.buffer_count));
    if (options.busy_poll < 0us || options.busy_poll > longest_busy_poll)
        refuse(EINVAL, fmt::format("busy polling for {} us is out of range: it must be 0 to {} us",
                                   options.busy_poll.count(), longest_busy_poll.count()));
}

void check(const std::string& name, const InterfaceOptions& options) {
    if (options.sectors_per_frame > protocol::max_sectors_per_frame)
        refuse(EINVAL,
               fmt::format("interface {}: {} sectors per frame are out of range: a request counts them in "
                           "a byte",
                           name, options.sectors_per_frame));
}

void check(const ExportOptions& options) {
    const auto fail = [&](const std::string& why) {
        refuse(EINVAL, fmt::format("export {}: {}", to_string(options.address), why));
    };
    if (options.address.shelf > Address::max_shelf || options.address.slot > Address::max_slot)
        fail("the shelf must be 0 to 65534 and the slot 0 to 254");
    if (options.serial.size() > protocol::max_serial || !is_printable(options.serial))
        fail("the serial number must be at most 20 printable ASCII characters");
    if (options.model.size() > protocol::max_model || !is_printable(options.model))
        fail("the model must be at most 40 printable ASCII characters");
    if (options.mask_list.size() > core::MacList::max_entries)
        fail("the mask list holds at most 255 addresses");
}

void check(const Address& address, const Geometry& geometry) {
    const auto is_size = [](std::uint32_t bytes, std::uint32_t least, std::size_t most) {
        return std::has_single_bit(bytes) && bytes >= least && bytes <= most;
    };
    const bool possible =
        geometry.sectors > 0 && geometry.sectors < 1ULL << 48 &&
        is_size(geometry.logical_block_bytes, sector_bytes, core::BouncePool::max_block_bytes) &&
        is_size(geometry.physical_block_bytes, geometry.logical_block_bytes, 1U << 24) &&
        geometry.physical_offset_sectors < geometry.physical_block_bytes / sector_bytes &&
        is_size(geometry.memory_alignment, 1, 4096) &&
        geometry.sectors % (geometry.logical_block_bytes / sector_bytes) == 0;
    if (!possible)
        refuse(EINVAL,
               fmt::format(
                   "export {}: the device has an impossible geometry ({} sectors, blocks of {} and {} bytes, "
                   "memory aligned to {})",
                   to_string(address), geometry.sectors, geometry.logical_block_bytes,
                   geometry.physical_block_bytes, geometry.memory_alignment));
}

} // namespace aoetarget
