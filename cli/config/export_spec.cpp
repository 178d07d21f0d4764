#include "config/export_spec.hpp"

#include "text.hpp"
#include "usage_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

namespace cli {
namespace {

constexpr std::string_view grammar = "SHELF.SLOT=PATH[,OPTION[=VALUE]]...";
constexpr std::size_t max_serial = 20;
/// Where files end: off_t.
constexpr std::uint64_t max_size = std::numeric_limits<std::int64_t>::max();

/// Takes the text apart at separators that no backslash precedes.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    [[nodiscard]] bool at_end() const { return rest_.empty(); }

    /// The text up to one of `separators` or to the end, without its backslashes.
    std::string take_until(std::string_view separators) {
        std::string taken;
        while (!rest_.empty() && separators.find(rest_.front()) == std::string_view::npos) {
            if (rest_.front() == '\\')
                drop_backslash();
            taken += rest_.front();
            rest_.remove_prefix(1);
        }
        return taken;
    }

    /// Takes the separator if it is the next character.
    bool skip(char separator) {
        if (!rest_.starts_with(separator))
            return false;
        rest_.remove_prefix(1);
        return true;
    }

  private:
    void drop_backslash() {
        rest_.remove_prefix(1);
        if (rest_.empty() || std::string_view("\\,=").find(rest_.front()) == std::string_view::npos)
            throw UsageError(
                R"(a single backslash stands before \, a comma or = only; write a backslash as \\)");
    }

    std::string_view rest_;
};

struct Option {
    std::string_view name;
    std::string_view value; ///< What to write for it; empty where it takes none.
    void (*apply)(ExportSpec& spec, const std::string& value);
};

[[noreturn]] void refuse_value(std::string_view name, const std::string& value, std::string_view allowed) {
    throw UsageError(fmt::format("{} cannot be '{}'; allowed: {}", name, printable(value), allowed));
}

void set_durability(ExportSpec& spec, const std::string& value) {
    if (value == "stable")
        spec.file.durability = aoetarget::Durability::stable;
    else if (value == "volatile")
        spec.file.durability = aoetarget::Durability::volatile_cache;
    else
        refuse_value("durability", value, "stable, volatile");
}

void set_cache(ExportSpec& spec, const std::string& value) {
    if (value == "direct")
        spec.file.cache = aoetarget::Cache::direct;
    else if (value == "page")
        spec.file.cache = aoetarget::Cache::page;
    else
        refuse_value("cache", value, "direct, page");
}

void set_offset(ExportSpec& spec, const std::string& value) {
    spec.file.offset_bytes = parse_size(value);
}

void set_length(ExportSpec& spec, const std::string& value) {
    spec.file.length_bytes = parse_size(value);
    if (spec.file.length_bytes == 0)
        refuse_value("length", value, "1s (one sector) or more; leave it out to export all to the end");
}

void set_serial(ExportSpec& spec, const std::string& value) {
    const bool fits = value.size() <= max_serial;
    if (!fits || !std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; }))
        refuse_value("serial", value, fmt::format("1 to {} printable ASCII characters", max_serial));
    spec.options.serial = value;
}

constexpr Option option_table[] = {
    {"read-only", "", [](ExportSpec& spec, const std::string&) { spec.file.read_only = true; }},
    {"durability", "stable|volatile", set_durability},
    {"cache", "direct|page", set_cache},
    {"offset", "SIZE", set_offset},
    {"length", "SIZE", set_length},
    {"serial", "TEXT", set_serial},
    {"force", "", [](ExportSpec& spec, const std::string&) { spec.file.force = true; }},
};

std::string written(const Option& option) {
    return option.value.empty() ? std::string(option.name) : fmt::format("{}={}", option.name, option.value);
}

std::string all_options() {
    std::string list;
    for (const Option& option : option_table)
        list += (list.empty() ? "" : ", ") + written(option);
    return list;
}

const Option& find_option(const std::string& name) {
    const auto* const found = std::ranges::find(option_table, std::string_view(name), &Option::name);
    if (found == std::end(option_table))
        throw UsageError(
            fmt::format("there is no option '{}'; options of an export: {}", printable(name), all_options()));
    return *found;
}

aoetarget::Address parse_address(const std::string& text) {
    const auto address = aoetarget::Address::parse(text);
    if (!address)
        throw UsageError(
            fmt::format("'{}' is not an AoE address; write SHELF.SLOT with SHELF 0 to {} and SLOT 0 to {}",
                        printable(text), aoetarget::Address::max_shelf, aoetarget::Address::max_slot));
    return *address;
}

void parse_option(Scanner& scanner, ExportSpec& spec, std::vector<std::string>& seen) {
    const std::string name = scanner.take_until(",=");
    const Option& option = find_option(name);
    const bool has_value = scanner.skip('=');
    const std::string value = has_value ? scanner.take_until(",=") : std::string();
    if (scanner.skip('='))
        throw UsageError(
            fmt::format(R"(a second = in the value of {}; write \= for one in the value itself)", name));
    if (option.value.empty() && has_value)
        throw UsageError(fmt::format("{} takes no value; write {} alone", name, name));
    if (!option.value.empty() && value.empty())
        throw UsageError(fmt::format("{} needs a value; write {}", name, written(option)));
    if (std::ranges::find(seen, name) != seen.end())
        throw UsageError(fmt::format("{} is given twice; keep one of them", name));
    seen.push_back(name);
    option.apply(spec, value);
}

ExportSpec parse(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos)
        throw UsageError(fmt::format("no = after the address; write {}", grammar));
    ExportSpec spec;
    spec.options.address = parse_address(std::string(text.substr(0, equals)));

    Scanner scanner(text.substr(equals + 1));
    spec.path = scanner.take_until(",=");
    if (scanner.skip('='))
        throw UsageError(
            R"(a plain = in PATH; write \= for one that belongs to the path, and a comma before an option)");
    if (spec.path.empty())
        throw UsageError(fmt::format("PATH is empty; write {}", grammar));
    std::vector<std::string> seen;
    while (scanner.skip(','))
        parse_option(scanner, spec, seen);
    return spec;
}

} // namespace

ExportSpec parse_export_spec(std::string_view text) {
    try {
        return parse(text);
    } catch (const UsageError& error) {
        throw UsageError(fmt::format("export '{}': {}", single_line(text), error.what()));
    }
}

std::uint64_t parse_size(std::string_view text) {
    constexpr std::string_view allowed =
        "write bytes, or a number with k, M, G, T (powers of 1024) or s (sectors of 512 bytes)";
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    const bool too_large = error == std::errc::result_out_of_range;
    if ((error != std::errc{} && !too_large) || unit.size() > 1)
        throw UsageError(fmt::format("'{}' is not a size; {}", printable(text), allowed));

    std::uint64_t factor = 1;
    switch (unit.empty() ? '\0' : unit.front()) {
    case '\0':
        break;
    case 's':
    case 'S':
        factor = aoetarget::sector_bytes;
        break;
    case 'k':
    case 'K':
        factor = 1ULL << 10;
        break;
    case 'm':
    case 'M':
        factor = 1ULL << 20;
        break;
    case 'g':
    case 'G':
        factor = 1ULL << 30;
        break;
    case 't':
    case 'T':
        factor = 1ULL << 40;
        break;
    default:
        throw UsageError(fmt::format("'{}' ends in an unknown unit; {}", printable(text), allowed));
    }
    if (too_large || number > max_size / factor)
        throw UsageError(fmt::format("'{}' is more than a file can hold; {}", printable(text), allowed));
    if (number * factor % aoetarget::sector_bytes != 0)
        throw UsageError(fmt::format("'{}' is not a whole number of sectors; give a multiple of {} bytes",
                                     printable(text), aoetarget::sector_bytes));
    return number * factor;
}

} // namespace cli
