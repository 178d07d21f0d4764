// aoetarget vblade: one export, said in vblade's words.
#include "verbs/vblade.hpp"

#include "service/service.hpp"
#include "text.hpp"
#include "usage_error.hpp"
#include "verbs/arguments.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace cli {

const char* const vblade_help =
    R"(Usage: aoetarget vblade [-b N] [-d] [-s] [-r] [-m MAC,...] [-o N] [-l N] SHELF SLOT IF FILE

This command exports one file or block device as vblade does. aoetarget also takes these arguments when it
is called by the name vblade, for example through a symbolic link. SIGTERM, SIGINT or SIGHUP ends it. It
needs CAP_NET_RAW.

  SHELF SLOT    The AoE address: SHELF is 0 to 65534, SLOT is 0 to 254.
  IF            The network interface to serve on.
  FILE          The regular file or block device.
  -b N          Advertise N buffers: an initiator may have N requests under way, 2 to 65535. The default is
                128. The target drops the requests beyond that.
  -d            Bypass the page cache (O_DIRECT).
  -s            Answer a write when it is on stable storage. Without this option the target answers a write
                when a cache has it, as vblade does, and a power cut loses it: Linux initiators never
                flush.
  -r            Refuse writes.
  -m MAC,...    Answer only these initiators, up to 255. Write the addresses with or without colons.
  -o N          Leave out the first N sectors (of 512 bytes) of FILE.
  -l N          Export N sectors; the default is everything up to the end.
  -h, --help    Show this text.

Examples:
  aoetarget vblade -s 1 1 eth0 /dev/sdb
  aoetarget vblade -r 7 0 eth0 /srv/live.iso
  aoetarget vblade -d -s -m 02:00:00:00:00:01,020000000002 -o 2048 -l 1048576 11 1 eth0 /srv/disk.img
)";

namespace {

constexpr unsigned min_buffers = 2, max_buffers = 65535; // with fewer than 2, the Linux driver hangs
constexpr std::size_t max_mask_list = 255;

std::uint64_t parse_number(std::string_view name, const std::string& text, std::uint64_t min,
                           std::uint64_t max) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < min || value > max)
        throw UsageError(fmt::format("vblade: {} cannot be '{}'; write a number from {} to {}", name,
                                     printable(text), min, max));
    return value;
}

std::uint64_t parse_sectors(std::string_view name, const std::string& text, std::uint64_t min) {
    constexpr std::uint64_t max = std::numeric_limits<std::int64_t>::max() / aoetarget::sector_bytes;
    return parse_number(name, text, min, max) * aoetarget::sector_bytes;
}

std::vector<aoetarget::MacAddress> parse_mask_list(const std::string& text) {
    std::vector<aoetarget::MacAddress> list;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        const std::string part = text.substr(begin, end - begin);
        const auto mac = aoetarget::MacAddress::parse(part);
        if (!mac || mac->is_multicast())
            throw UsageError(
                fmt::format("vblade: -m cannot have '{}', which is not the MAC address of a machine; write "
                            "addresses like 02:00:00:00:00:01 or 020000000001, with commas between them",
                            printable(part)));
        if (std::ranges::find(list, *mac) == list.end())
            list.push_back(*mac);
        begin = end + 1;
    }
    if (list.size() > max_mask_list)
        throw UsageError(
            fmt::format("vblade: -m cannot have {} addresses; write at most {}", list.size(), max_mask_list));
    return list;
}

} // namespace

std::optional<Configuration> parse_vblade(const Arguments& arguments) {
    CLI::App app("", "vblade");
    std::optional<std::string> buffers, mask_list, offset, length; // an empty one is a mistake and refused
    std::string shelf, slot, interface;
    bool direct = false, synchronous = false, read_only = false;
    ExportSpec spec;
    app.add_option("-b", buffers);
    app.add_flag("-d", direct);
    app.add_flag("-s", synchronous);
    app.add_flag("-r", read_only);
    app.add_option("-m", mask_list);
    app.add_option("-o", offset);
    app.add_option("-l", length);
    app.add_option("SHELF", shelf)->required();
    app.add_option("SLOT", slot)->required();
    app.add_option("IF", interface)->required();
    app.add_option("FILE", spec.path)->required();
    if (!parse_arguments(app, arguments))
        return std::nullopt;

    Configuration configuration;
    if (buffers)
        configuration.target.buffer_count =
            static_cast<unsigned>(parse_number("-b", *buffers, min_buffers, max_buffers));
    spec.options.address.shelf =
        static_cast<std::uint16_t>(parse_number("SHELF", shelf, 0, aoetarget::Address::max_shelf));
    spec.options.address.slot =
        static_cast<std::uint8_t>(parse_number("SLOT", slot, 0, aoetarget::Address::max_slot));
    if (mask_list)
        spec.options.mask_list = parse_mask_list(*mask_list);
    spec.file.cache = direct ? aoetarget::Cache::direct : aoetarget::Cache::page;
    spec.file.durability =
        synchronous ? aoetarget::Durability::stable : aoetarget::Durability::volatile_cache;
    spec.file.read_only = read_only;
    if (offset)
        spec.file.offset_bytes = parse_sectors("-o", *offset, 0);
    if (length)
        spec.file.length_bytes = parse_sectors("-l", *length, 1);

    if (!synchronous && !read_only)
        configuration.notes.emplace_back(
            "without -s the target answers a write before it is on stable storage, as vblade does; Linux "
            "initiators never flush, so a power cut here loses such writes; add -s for data that matters");
    check_interface_name(interface);
    configuration.interfaces.push_back({.name = interface, .options = {}});
    configuration.exports.push_back(std::move(spec));
    check_configuration(configuration);
    return configuration;
}

int vblade(const Arguments& arguments) {
    const std::optional<Configuration> configuration = parse_vblade(arguments);
    if (!configuration) {
        fmt::print("{}", vblade_help);
        return 0;
    }
    return run_service(*configuration);
}

} // namespace cli
