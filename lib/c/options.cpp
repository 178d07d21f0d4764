// Translates options, with the defaults that zeros stand for.
#include "c/options.hpp"

#include "c/structs.hpp"

#include <array>
#include <chrono>

namespace aoetarget::c_interface {
namespace {

template <typename Value, std::size_t count>
Value choice(std::int32_t number, const std::array<Value, count>& values, const std::string& what) {
    if (number < 0 || static_cast<std::size_t>(number) >= count)
        refuse(
            EINVAL,
            (what + " " + std::to_string(number) + " is unknown; see the constants of aoetarget.h").c_str());
    return values[static_cast<std::size_t>(number)];
}

template <typename Address>
std::vector<Address> parsed(const char* const* texts, const char* list) {
    std::vector<Address> all;
    for (const std::string& text : list_of(texts)) {
        const std::optional<Address> address = Address::parse(text);
        if (!address)
            refuse(EINVAL,
                   (std::string(list) + ": \"" + text + "\" is no MAC address; write \"02:00:00:00:00:01\"")
                       .c_str());
        all.push_back(*address);
    }
    return all;
}

/// A duration that AOETARGET_NONE makes zero. Other values below zero are refused by the target.
std::chrono::milliseconds milliseconds(std::int64_t number) {
    return std::chrono::milliseconds(number == AOETARGET_NONE ? 0 : number);
}

} // namespace

InterfaceOptions options_from(const aoetarget_interface_options* from) {
    const aoetarget_interface_options given = taken(from);
    InterfaceOptions options;
    options.link =
        choice(given.link, std::array{LinkKind::automatic, LinkKind::packet, LinkKind::xdp}, "the link");
    options.qdisc =
        choice(given.qdisc, std::array{QdiscUse::automatic, QdiscUse::bypass, QdiscUse::honour}, "the qdisc");
    options.sectors_per_frame = given.sectors_per_frame;
    options.wait = given.wait != 0;
    options.buffer_count = given.buffer_count;
    options.advertise_interval = std::chrono::seconds(given.advertise_interval_s);
    return options;
}

ExportOptions options_from(const aoetarget_export_options* from) {
    const aoetarget_export_options given = taken(from);
    ExportOptions options;
    options.address = {given.shelf, given.slot};
    options.serial = text_or_empty(given.serial);
    if (given.model != nullptr)
        options.model = given.model;
    options.mask_list = parsed<MacAddress>(given.mask_list, "mask_list");
    options.allow = parsed<MacPattern>(given.allow, "allow");
    options.interfaces = list_of(given.interfaces);
    options.fixed = given.fixed != 0;
    if (given.silence_on_error_ms != 0)
        options.silence_on_error = milliseconds(given.silence_on_error_ms);
    if (given.device_timeout_ms != 0)
        options.device_timeout = milliseconds(given.device_timeout_ms);
    return options;
}

FileOptions options_from(const aoetarget_file_options* from) {
    const aoetarget_file_options given = taken(from);
    FileOptions options;
    options.cache =
        choice(given.cache,
               std::array{std::optional<Cache>(), std::optional(Cache::direct), std::optional(Cache::page)},
               "the cache");
    options.durability = choice(given.durability, std::array{Durability::stable, Durability::volatile_cache},
                                "the durability");
    options.read_only = given.read_only != 0;
    options.discard = given.no_discard == 0;
    options.offset_bytes = given.offset_bytes;
    options.length_bytes = given.length_bytes;
    options.replaces = given.replaces != 0;
    options.force = given.force != 0;
    return options;
}

} // namespace aoetarget::c_interface
