// aoetarget vblade: serves one export, with vblade's arguments.
#include "verbs/vblade.hpp"

#include "service/refusals.hpp"
#include "service/service.hpp"
#include "text.hpp"
#include "usage_error.hpp"
#include "verbs/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <stdexcept>
#include <system_error>

namespace cli {

const char* const vblade_help =
    R"(Usage: aoetarget vblade [-b N] [-d] [-s] [-r] [-m MAC,...] [-o N] [-l N] SHELF SLOT IF FILE

This command exports one file or block device as vblade does. aoetarget also takes these arguments
when it is called by the name vblade, for example through a symbolic link. SIGTERM, SIGINT or SIGHUP
ends it. It needs CAP_NET_RAW.

  SHELF SLOT    The AoE address: SHELF is 0 to 65534, SLOT is 0 to 254.
  IF            The network interface to serve on.
  FILE          The regular file or block device.
  -b N          Advertise N buffers: an initiator may have N requests under way, 2 to 65535. The
                default is 128. The target drops the requests beyond that.
  -d            Bypass the page cache (O_DIRECT).
  -s            Answer a write when it is on stable storage. Without this option the target answers
                a write when a cache has it, as vblade does, and a power cut loses it: Linux
                initiators never flush.
  -r            Refuse writes.
  -m MAC,...    Answer only these initiators, up to 255. Write the addresses with or without colons.
  -o N          Leave out the first N sectors (of 512 bytes) of FILE.
  -l N          Export N sectors; the default is everything up to the end.
  -h, --help    Show this text.

-o and -l take numbers as in C: 0x800 is hexadecimal and 04000 octal, both 2048. All other numbers
are decimal. FILE can have one such process only. To serve it on several interfaces, use 'aoetarget
serve -i IF -i IF -e ...'.

Exit codes: 0 it was told to end, 1 failed, 2 the command line is wrong, 4 no permission, 5 there is
no such interface.

Examples:
  aoetarget vblade -s 1 1 eth0 /dev/sdb
  aoetarget vblade -r 7 0 eth0 /srv/live.iso
  aoetarget vblade -d -s -m 02:00:00:00:00:01,020000000002 -o 2048 -l 1048576 11 1 eth0 /dev/sdb
)";

namespace {

constexpr unsigned min_buffers = 2, max_buffers = 65535; // with fewer than 2, the Linux driver hangs
constexpr std::size_t max_mask_list = 255;

/// `digits` are those of `text` without the prefix that tells their base.
std::uint64_t parse_number(std::string_view name, const std::string& text, std::string_view digits, int base,
                           std::uint64_t min, std::uint64_t max) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc{} || end != digits.data() + digits.size() || value < min || value > max)
        throw UsageError(fmt::format("vblade: {} cannot be '{}'; write a number from {} to {}", name,
                                     printable(text), min, max));
    return value;
}

/// vblade reads these numbers by atoi(), so "010" is ten.
std::uint64_t parse_decimal(std::string_view name, const std::string& text, std::uint64_t min,
                            std::uint64_t max) {
    return parse_number(name, text, text, 10, min, max);
}

/// vblade reads these numbers by strtoll() with base 0, so "0x10" is sixteen and "010" is eight.
std::uint64_t parse_sectors(std::string_view name, const std::string& text, std::uint64_t min) {
    constexpr std::uint64_t max = std::numeric_limits<std::int64_t>::max() / aoetarget::sector_bytes;
    const std::string_view digits = text;
    const bool is_hexadecimal = digits.starts_with("0x") || digits.starts_with("0X");
    const int base = is_hexadecimal ? 16 : digits.starts_with('0') ? 8 : 10;
    return parse_number(name, text, digits.substr(is_hexadecimal ? 2 : 0), base, min, max) *
           aoetarget::sector_bytes;
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
    ArgumentParser parser("vblade");
    std::optional<std::string> buffers, mask_list, offset, length; // an empty one is a mistake and refused
    std::string shelf, slot, interface;
    bool direct = false, synchronous = false, read_only = false;
    ExportSpec spec;
    parser.add_option("-b", buffers);
    parser.add_flag("-d", direct);
    parser.add_flag("-s", synchronous);
    parser.add_flag("-r", read_only);
    parser.add_option("-m", mask_list);
    parser.add_option("-o", offset);
    parser.add_option("-l", length);
    parser.add_operand("SHELF", shelf);
    parser.add_operand("SLOT", slot);
    parser.add_operand("IF", interface);
    parser.add_operand("FILE", spec.path);
    if (!parser.parse(arguments))
        return std::nullopt;

    InterfaceSpec served;
    if (buffers)
        served.options.buffer_count =
            static_cast<unsigned>(parse_decimal("-b", *buffers, min_buffers, max_buffers));
    spec.options.address.shelf =
        static_cast<std::uint16_t>(parse_decimal("SHELF", shelf, 0, aoetarget::Address::max_shelf));
    spec.options.address.slot =
        static_cast<std::uint8_t>(parse_decimal("SLOT", slot, 0, aoetarget::Address::max_slot));
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

    check_interface_name(interface);
    served.name = interface;
    Configuration configuration;
    configuration.interfaces.push_back(std::move(served));
    configuration.exports.push_back(std::move(spec));
    return configuration;
}

std::vector<std::string> vblade_notes(const Configuration& configuration) {
    const aoetarget::FileOptions& file = configuration.exports.front().file;
    if (file.durability == aoetarget::Durability::stable || file.read_only)
        return {};
    return {"without -s the target answers a write before it is on stable storage, as vblade does; Linux "
            "initiators never flush, so a power cut here loses such writes; add -s for data that matters"};
}

std::string serve_command(const Configuration& configuration, const std::string& other) {
    ExportSpec spec = configuration.exports.front();
    if (spec.file.read_only)
        spec.file.durability = aoetarget::Durability::stable; // there is nothing to make durable
    for (const aoetarget::MacAddress& mac : spec.options.mask_list)
        spec.allow.push_back(to_string(mac));
    return fmt::format("aoetarget serve -i {} -i {} -e {}", shell_word(other),
                       shell_word(to_argument(configuration.interfaces.front())),
                       shell_word(to_argument(spec)));
}

std::string advice_on_rival(const Configuration& configuration, const std::optional<VbladeRival>& rival) {
    const std::string& interface = configuration.interfaces.front().name;
    if (!rival)
        return fmt::format("If another target serves it on another interface, end that one, and serve both "
                           "interfaces from one process, with the name of the other one for OTHER: {}",
                           serve_command(configuration, "OTHER"));
    if (rival->interface == interface)
        return fmt::format(
            "Process {0} (vblade) serves it on {1} already, as {2}; to serve it anew, end that "
            "one first: kill {0}",
            rival->process, interface, to_string(rival->address));
    return fmt::format(
        "Process {} (vblade) serves it on {}. End that one, and serve both interfaces from one "
        "process: {}",
        rival->process, rival->interface, serve_command(configuration, rival->interface));
}

int vblade(const Arguments& arguments) {
    const std::optional<Configuration> configuration = parse_vblade(arguments);
    if (!configuration) {
        fmt::print("{}", vblade_help);
        return 0;
    }
    try {
        return run_service(*configuration, vblade_notes(*configuration), {});
    } catch (const StartError& error) {
        if (!error.is_busy())
            throw;
        throw std::runtime_error(fmt::format(
            "{}. {}", error.what(),
            advice_on_rival(*configuration, find_vblade_rival(configuration->exports.front().path))));
    }
}

} // namespace cli
