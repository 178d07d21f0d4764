// The options of an export, and how each is read.
#include "config/export_spec.hpp"

#include "config/duration.hpp"
#include "config/interface_spec.hpp"
#include "config/path_text.hpp"
#include "config/scanner.hpp"
#include "config/size.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace cli {
namespace {

using aoetarget::Cache;
using aoetarget::Durability;
using Spec = ExportSpec;

constexpr std::string_view grammar = "SHELF.SLOT=PATH[,OPTION[=VALUE]]...";
constexpr std::size_t max_serial = 20, max_model = 40;

constexpr Words<Durability, 2> durability_words = {{"stable", Durability::stable},
                                                   {"volatile", Durability::volatile_cache}};
constexpr Words<Cache, 2> cache_words = {{"direct", Cache::direct}, {"page", Cache::page}};
constexpr Words<bool, 2> trim_words = {{"on", true}, {"off", false}};

aoetarget::Address parse_address(const std::string& text, std::string_view form) {
    const auto address = aoetarget::Address::parse(text);
    if (!address)
        throw UsageError(
            fmt::format("'{}' is not an AoE address; write {} with SHELF 0 to {} and SLOT 0 to {}",
                        printable(text), form, aoetarget::Address::max_shelf, aoetarget::Address::max_slot));
    return *address;
}

std::optional<Value> address_text(const Spec& spec) {
    return fmt::format("{}.{}", spec.options.address.shelf, spec.options.address.slot);
}

void check_path(const std::string& path) {
    if (path.empty())
        throw UsageError(fmt::format("PATH is empty; write the name of a file or a block device"));
    if (path.find('\0') != std::string::npos)
        throw UsageError(fmt::format("no file can have the name '{}'", printable(path)));
}

std::uint64_t parse_length(const std::string& value) {
    const std::uint64_t length = parse_size(value);
    if (length == 0)
        throw UsageError(
            fmt::format("length cannot be '{}'; write 1s (one sector) or more, or leave it out to "
                        "export everything to the end",
                        printable(value)));
    return length;
}

std::optional<Value> size_unless_zero(std::uint64_t bytes) {
    return bytes == 0 ? std::nullopt : std::optional<Value>(short_size(bytes));
}

std::string parse_label(std::string_view name, const Value& value, std::size_t longest) {
    std::string text = std::get<std::string>(value);
    if (text.empty() || text.size() > longest ||
        !std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; }))
        throw UsageError(fmt::format("{} cannot be '{}'; write 1 to {} printable ASCII characters", name,
                                     printable(text), longest));
    return text;
}

/// Returns whether the value has the form.
bool read_on_error(Spec& spec, const Value& value) {
    constexpr std::string_view silent = "silent:";
    const std::string& text = std::get<std::string>(value);
    if (text == "answer")
        spec.options.silence_on_error = std::chrono::seconds(0);
    else if (text.starts_with(silent))
        spec.options.silence_on_error = parse_duration(std::string_view(text).substr(silent.size()));
    else
        return false;
    return true;
}

std::optional<Value> on_error_text(const Spec& spec) {
    const auto& silence = spec.options.silence_on_error;
    if (!silence)
        return std::nullopt;
    return silence->count() == 0 ? std::string("answer") : "silent:" + duration_text(*silence);
}

std::optional<Value> unless_empty(const auto& value) {
    return value.empty() ? std::nullopt : std::optional<Value>(value);
}

/// Most flags say what the file is opened for, and most lists whom the export is there for.
template <bool aoetarget::FileOptions::*flag>
constexpr Option<Spec> file_flag(std::string_view name) {
    return {{name, ValueType::flag, "true|false", Effect::reopen},
            [](Spec& spec, const Value& value, const Hosts&) {
                spec.file.*flag = std::get<bool>(value);
                return true;
            },
            [](const Spec& spec) -> std::optional<Value> { return spec.file.*flag; }};
}

OptionTable<Spec> make_table() {
    return {2,
            {
                {{"address", ValueType::text, "SHELF.SLOT", Effect::reopen},
                 [](Spec& spec, const Value& value, const Hosts&) {
                     spec.options.address = parse_address(std::get<std::string>(value), "SHELF.SLOT");
                     return true;
                 },
                 address_text},
                {{"path", ValueType::text, "PATH", Effect::reopen},
                 [](Spec& spec, const Value& value, const Hosts&) {
                     spec.path = parse_path("path", std::get<std::string>(value));
                     check_path(spec.path);
                     return true;
                 },
                 [](const Spec& spec) -> std::optional<Value> { return path_text(spec.path); }},
                file_flag<&aoetarget::FileOptions::read_only>("read-only"),
                {{"durability", ValueType::text, "stable|volatile", Effect::reopen},
                 [](Spec& spec, const Value& value, const Hosts&) {
                     return choose(spec.file.durability, value, durability_words);
                 },
                 [](const Spec& spec) { return word_for(spec.file.durability, durability_words); }},
                {{"cache", ValueType::text, "direct|page", Effect::reopen},
                 [](Spec& spec, const Value& value, const Hosts&) {
                     return choose(spec.file.cache, value, cache_words);
                 },
                 [](const Spec& spec) {
                     return spec.file.cache ? word_for(*spec.file.cache, cache_words) : std::nullopt;
                 }},
                {{"trim", ValueType::text, "on|off", Effect::reopen},
                 [](Spec& spec, const Value& value, const Hosts&) {
                     return choose(spec.file.discard, value, trim_words);
                 },
                 [](const Spec& spec) { return word_for(spec.file.discard, trim_words); }},
                {{"offset", ValueType::number_or_text, "SIZE", Effect::reopen},
                 [](Spec& spec, const Value& value, const Hosts&) {
                     spec.file.offset_bytes = parse_size(text_of(value));
                     return true;
                 },
                 [](const Spec& spec) { return size_unless_zero(spec.file.offset_bytes); }},
                {{"length", ValueType::number_or_text, "SIZE", Effect::reopen},
                 [](Spec& spec, const Value& value, const Hosts&) {
                     spec.file.length_bytes = parse_length(text_of(value));
                     return true;
                 },
                 [](const Spec& spec) { return size_unless_zero(spec.file.length_bytes); }},
                // The target refuses another one than it has made up, or was given.
                {{"serial", ValueType::text, "TEXT", Effect::in_place},
                 [](Spec& spec, const Value& value, const Hosts&) {
                     spec.options.serial = parse_label("serial", value, max_serial);
                     return true;
                 },
                 [](const Spec& spec) { return unless_empty(spec.options.serial); }},
                {{"model", ValueType::text, "TEXT", Effect::restart},
                 [](Spec& spec, const Value& value, const Hosts&) {
                     spec.options.model = parse_label("model", value, max_model);
                     return true;
                 },
                 [](const Spec& spec) -> std::optional<Value> { return spec.options.model; }},
                {{"on-error", ValueType::text, "answer|silent:TIME", Effect::in_place},
                 [](Spec& spec, const Value& value, const Hosts&) { return read_on_error(spec, value); },
                 on_error_text},
                {{"device-timeout", ValueType::text, "TIME|off", Effect::in_place},
                 [](Spec& spec, const Value& value, const Hosts&) {
                     const std::string& text = std::get<std::string>(value);
                     spec.options.device_timeout =
                         text == "off" ? std::chrono::seconds(0) : parse_duration(text);
                     return true;
                 },
                 [](const Spec& spec) -> std::optional<Value> {
                     const auto timeout = spec.options.device_timeout;
                     return timeout.count() == 0 ? "off" : duration_text(timeout);
                 }},
                {{"allow", ValueType::list, "MAC[+MAC]...", Effect::in_place},
                 [](Spec& spec, const Value& value, const Hosts& hosts) {
                     spec.allow = std::get<std::vector<std::string>>(value);
                     spec.options.allow = hosts.resolve("allow", spec.allow);
                     return !spec.allow.empty();
                 },
                 [](const Spec& spec) { return unless_empty(spec.allow); }},
                {{"fixed", ValueType::flag, "true|false", Effect::in_place},
                 [](Spec& spec, const Value& value, const Hosts&) {
                     spec.options.fixed = std::get<bool>(value);
                     return true;
                 },
                 [](const Spec& spec) -> std::optional<Value> { return spec.options.fixed; }},
                {{"interfaces", ValueType::list, "IF[+IF]...", Effect::in_place},
                 [](Spec& spec, const Value& value, const Hosts&) {
                     spec.options.interfaces = std::get<std::vector<std::string>>(value);
                     std::ranges::for_each(spec.options.interfaces, check_interface_name);
                     return !spec.options.interfaces.empty();
                 },
                 [](const Spec& spec) { return unless_empty(spec.options.interfaces); }},
                file_flag<&aoetarget::FileOptions::force>("force"),
            }};
}

void read_address_and_path(Scanner& scanner, Spec& spec) {
    spec.options.address = parse_address(scanner.take_part(), grammar);
    if (!scanner.skip('='))
        throw UsageError(fmt::format("an equals sign must follow the address; write {}", grammar));
    spec.path = parse_path("PATH", scanner.take_part());
    check_path(spec.path);
}

} // namespace

const OptionTable<ExportSpec>& export_options() {
    static const OptionTable<ExportSpec> table = make_table();
    return table;
}

ExportSpec parse_export_spec(std::string_view text, const Hosts& hosts) {
    ExportSpec spec;
    read_spec("export", text, export_options(), spec, hosts,
              [&](Scanner& scanner) { read_address_and_path(scanner, spec); });
    return spec;
}

aoetarget::Address parse_export_address(const std::string& text) {
    return parse_address(text, "SHELF.SLOT");
}

std::string to_argument(const ExportSpec& spec) {
    const aoetarget::Address& address = spec.options.address;
    return fmt::format("{}.{}={}{}", address.shelf, address.slot, escaped(path_text(spec.path)),
                       written(export_options(), spec));
}

} // namespace cli
