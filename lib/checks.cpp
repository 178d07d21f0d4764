// The limits of each option and of a geometry.
#include "checks.hpp"

#include "core/mac_list.hpp"
#include "geometry.hpp"
#include "protocol/aoe.hpp"
#include "protocol/ata.hpp"
#include "protocol/identify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

namespace aoetarget {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::microseconds longest_busy_poll{1000};
constexpr std::chrono::milliseconds longest_patience = 24h;
constexpr std::chrono::seconds longest_advertise_interval{86400};

bool is_printable(const std::string& text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

void check_buffer_count(const std::string& where, unsigned count) {
    if (count < 2 || count > 65535)
        refuse(EINVAL, fmt::format("{}a buffer count of {} is out of range: it must be 2 to 65535 (with less "
                                   "than 2 Linux initiators would never send)",
                                   where, count));
}

} // namespace

void refuse(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

void check(const TargetOptions& options) {
    check_buffer_count({}, options.buffer_count);
    if (options.busy_poll < 0us || options.busy_poll > longest_busy_poll)
        refuse(EINVAL, fmt::format("busy polling for {} us is out of range: it must be 0 to {} us",
                                   options.busy_poll.count(), longest_busy_poll.count()));
    if (options.device_patience &&
        (*options.device_patience < 0ms || *options.device_patience > longest_patience))
        refuse(EINVAL, fmt::format("a patience of {} ms with devices is out of range: it must be 0 to a day",
                                   options.device_patience->count()));
}

void check(const std::string& name, const InterfaceOptions& options) {
    if (options.sectors_per_frame > protocol::max_sectors_per_frame)
        refuse(EINVAL, fmt::format("interface {}: {} sectors per frame are out of range: it must be 1 to "
                                   "255, or 0 for as many as fit the MTU",
                                   name, options.sectors_per_frame));
    if (options.advertise_interval < 0s || options.advertise_interval > longest_advertise_interval)
        refuse(EINVAL,
               fmt::format("interface {}: to advertise every {} s is out of range: it must be 1 to {} "
                           "s, or 0 for not regularly",
                           name, options.advertise_interval.count(), longest_advertise_interval.count()));
    if (options.buffer_count != 0)
        check_buffer_count(fmt::format("interface {}: ", name), options.buffer_count);
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
        fail("the mask list must have at most 255 addresses");
    const auto is_patience = [](std::chrono::milliseconds time) {
        return time >= 0ms && time <= longest_patience;
    };
    if (!is_patience(options.silence_on_error.value_or(0ms)) || !is_patience(options.device_timeout))
        fail("the silence on errors and the device's timeout must be at most a day");
    if (options.allow.size() > core::MacList::max_entries)
        fail("at most 255 patterns can tell which initiators are allowed");
    if (std::ranges::any_of(options.allow, [](const MacPattern& pattern) { return pattern.length > 6; }))
        fail("a pattern of a MAC address must have at most 6 bytes");
}

void check(const Address& address, const Geometry& geometry) {
    if (!is_possible(geometry))
        refuse(EINVAL,
               fmt::format(
                   "export {}: the device has an impossible geometry ({} sectors, blocks of {} and {} bytes, "
                   "memory aligned to {}); see Geometry in aoetarget/block_device.hpp for the limits",
                   to_string(address), geometry.sectors, geometry.logical_block_bytes,
                   geometry.physical_block_bytes, geometry.memory_alignment));
}

} // namespace aoetarget
