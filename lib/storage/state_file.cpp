// Writes and parses the text of a state.
#include "storage/state_file.hpp"

#include "protocol/identify.hpp"

#include <fmt/format.h>

#include <charconv>
#include <vector>

namespace aoetarget::storage {
namespace {

constexpr std::string_view first_line = "aoetarget state 1";

/// Parses bytes that are written as pairs of hexadecimal digits.
std::optional<std::vector<std::byte>> parse_hex(std::string_view digits) {
    std::vector<std::byte> bytes;
    for (; digits.size() >= 2; digits.remove_prefix(2)) {
        unsigned value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + 2, value, 16);
        if (error != std::errc() || end != digits.data() + 2)
            return std::nullopt;
        bytes.push_back(static_cast<std::byte>(value));
    }
    if (!digits.empty())
        return std::nullopt;
    return bytes;
}

bool add_line(core::ProtocolState& state, std::string_view key, std::string_view value) {
    if (key == "config") {
        const auto bytes = parse_hex(value);
        if (!bytes || bytes->size() > protocol::max_config_string)
            return false;
        state.config.assign(*bytes);
        return true;
    }
    const auto mac = MacAddress::parse(value);
    if (!mac)
        return false;
    if (key == "mask")
        return state.mask_list.add(*mac);
    return key == "reserve" && state.reservation.add(*mac);
}

} // namespace

std::string encode_state(const core::ProtocolState& state) {
    std::string text = fmt::format("{}\n", first_line);
    if (state.config.size() > 0) {
        text += "config ";
        for (const std::byte byte : state.config.bytes())
            text += fmt::format("{:02X}", std::to_integer<unsigned>(byte));
        text += '\n';
    }
    for (const MacAddress& mac : state.mask_list.entries())
        text += fmt::format("mask {}\n", to_string(mac));
    for (const MacAddress& mac : state.reservation.entries())
        text += fmt::format("reserve {}\n", to_string(mac));
    text += fmt::format("checksum {:016X}\n", protocol::fnv1a(text));
    return text;
}

std::optional<core::ProtocolState> parse_state(std::string_view text) {
    core::ProtocolState state;
    std::string_view left = text;
    for (bool first = true; !left.empty(); first = false) {
        const std::size_t end = left.find('\n');
        if (end == std::string_view::npos)
            return std::nullopt;
        const std::string_view line = left.substr(0, end);
        left.remove_prefix(end + 1);
        const std::size_t space = std::min(line.find(' '), line.size());
        const std::string_view key = line.substr(0, space);
        if (first ? line != first_line
                  : key != "checksum" &&
                        (space == line.size() || !add_line(state, key, line.substr(space + 1))))
            return std::nullopt;
    }
    // This checks the checksum, the order of the lines and everything else.
    if (encode_state(state) != text)
        return std::nullopt;
    return state;
}

} // namespace aoetarget::storage
