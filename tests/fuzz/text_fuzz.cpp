// The texts that users write: addresses, MAC addresses, exports, interfaces and sizes. Each is understood or
// refused in one clear line, and a text that is understood reads back when it is written.
#include "fuzz_target.hpp"

#include "config/export_spec.hpp"
#include "config/interface_spec.hpp"
#include "config/size.hpp"
#include "text.hpp"
#include "usage_error.hpp"

#include <algorithm>

namespace {

using aoetest::require;

bool is_clean(std::string_view text) {
    return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

void check_addresses(std::string_view text) {
    if (const auto address = aoetarget::Address::parse(text)) {
        require(address->shelf <= 65534 && address->slot <= 254, "an address is no wildcard");
        require(aoetarget::Address::parse(to_string(*address)) == address, "an address reads back");
    }
    if (const auto mac = aoetarget::MacAddress::parse(text))
        require(aoetarget::MacAddress::parse(to_string(*mac)) == mac, "a MAC address reads back");
}

void check_export(std::string_view text) {
    try {
        const cli::ExportSpec spec = cli::parse_export_spec(text);
        require(!spec.path.empty() && spec.path.size() < text.size(), "the path of an export");
        require(spec.options.serial.size() <= 20 && is_clean(spec.options.serial), "a serial number");
        require(spec.file.offset_bytes % 512 == 0 && spec.file.length_bytes % 512 == 0, "whole sectors");
    } catch (const cli::UsageError& error) {
        require(is_clean(error.what()), "an error is one line");
    }
}

void check_interface(std::string_view text) {
    try {
        const cli::InterfaceSpec spec = cli::parse_interface_spec(text);
        require(!spec.name.empty() && spec.name.size() <= text.size(), "the name of an interface");
        require(spec.options.sectors_per_frame <= 255, "the sectors of a frame");
    } catch (const cli::UsageError& error) {
        require(is_clean(error.what()), "an error is one line");
    }
}

void check_size(std::string_view text) {
    try {
        const std::uint64_t bytes = cli::parse_size(text);
        require(bytes % 512 == 0 && bytes <= INT64_MAX, "a size is a number of sectors that files can have");
        require(cli::parse_size(std::to_string(bytes)) == bytes, "a size reads back");
        require(!cli::human_size(bytes).empty(), "a size for people");
    } catch (const cli::UsageError& error) {
        require(is_clean(error.what()), "an error is one line");
    }
}

void check_printing(std::string_view text) {
    const std::string shown = cli::printable(text);
    require(std::ranges::all_of(shown, [](char c) { return c >= ' ' && c <= '~'; }), "printable text");
    require(is_clean(cli::single_line(text)), "a single line");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_addresses(text);
    check_export(text);
    check_interface(text);
    check_size(text);
    check_printing(text);
    return 0;
}
