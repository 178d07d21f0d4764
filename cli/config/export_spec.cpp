// The options of an export, and how each is read.
#include "config/export_spec.hpp"

#include "config/scanner.hpp"
#include "config/size.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cli {
namespace {

constexpr std::string_view grammar = "SHELF.SLOT=PATH[,OPTION[=VALUE]]...";
constexpr std::size_t max_serial = 20;

std::uint64_t parse_length(const std::string& value) {
    const std::uint64_t length = parse_size(value);
    if (length == 0)
        throw UsageError(fmt::format("length cannot be '{}'; write length=1s (one sector) or more, or leave "
                                     "it out to export everything to the end",
                                     printable(value)));
    return length;
}

void check_serial(const std::string& value) {
    if (value.size() > max_serial || !std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; }))
        throw UsageError(fmt::format("serial cannot be '{}'; write 1 to {} printable ASCII characters",
                                     printable(value), max_serial));
}

aoetarget::Address parse_address(const std::string& text) {
    const auto address = aoetarget::Address::parse(text);
    if (!address)
        throw UsageError(fmt::format(
            "'{}' is not an AoE address; write {} with SHELF 0 to {} and SLOT 0 to {}", printable(text),
            grammar, aoetarget::Address::max_shelf, aoetarget::Address::max_slot));
    return *address;
}

void read_address_and_path(Scanner& scanner, ExportSpec& spec) {
    spec.options.address = parse_address(scanner.take_part());
    if (!scanner.skip('='))
        throw UsageError(fmt::format("an equals sign must follow the address; write {}", grammar));
    spec.path = scanner.take_part();
    if (spec.path.empty())
        throw UsageError(fmt::format("PATH is empty; write {}", grammar));
}

} // namespace

ExportSpec parse_export_spec(std::string_view text) {
    using aoetarget::Cache, aoetarget::Durability;
    ExportSpec spec;
    aoetarget::FileOptions& file = spec.file;
    const SpecOption options[] = {
        {"read-only", "", [&](const std::string&) { return file.read_only = true; }},
        {"durability", "stable|volatile",
         [&](const std::string& value) {
             return choose(file.durability, value,
                           {{"stable", Durability::stable}, {"volatile", Durability::volatile_cache}});
         }},
        {"cache", "direct|page",
         [&](const std::string& value) {
             return choose(file.cache, value, {{"direct", Cache::direct}, {"page", Cache::page}});
         }},
        {"offset", "SIZE",
         [&](const std::string& value) {
             file.offset_bytes = parse_size(value);
             return true;
         }},
        {"length", "SIZE",
         [&](const std::string& value) {
             file.length_bytes = parse_length(value);
             return true;
         }},
        {"serial", "TEXT",
         [&](const std::string& value) {
             check_serial(value);
             spec.options.serial = value;
             return true;
         }},
        {"force", "", [&](const std::string&) { return file.force = true; }},
    };
    read_spec("export", text, options, [&](Scanner& scanner) { read_address_and_path(scanner, spec); });
    return spec;
}

} // namespace cli
