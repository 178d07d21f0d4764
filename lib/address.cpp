// Conversion of AoE addresses and MAC addresses from and to text.
#include <aoetarget/address.hpp>

#include <fmt/format.h>

#include <charconv>

namespace aoetarget {
namespace {

template <typename T>
std::optional<T> parse_number(std::string_view text, int base, T max) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > max)
        return std::nullopt;
    return static_cast<T>(value);
}

} // namespace

std::optional<Address> Address::parse(std::string_view text) {
    if (text.starts_with('e'))
        text.remove_prefix(1);
    const std::size_t dot = text.find('.');
    if (dot == std::string_view::npos)
        return std::nullopt;
    const auto shelf = parse_number<std::uint16_t>(text.substr(0, dot), 10, max_shelf);
    const auto slot = parse_number<std::uint8_t>(text.substr(dot + 1), 10, max_slot);
    if (!shelf || !slot)
        return std::nullopt;
    return Address{*shelf, *slot};
}

std::string to_string(const Address& address) {
    return fmt::format("e{}.{}", address.shelf, address.slot);
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
    const bool colons = text.size() == 17;
    if (!colons && text.size() != 12)
        return std::nullopt;
    MacAddress mac;
    const std::size_t step = colons ? 3 : 2;
    for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
        if (colons && i > 0 && text[i * step - 1] != ':')
            return std::nullopt;
        const auto byte = parse_number<std::uint8_t>(text.substr(i * step, 2), 16, 0xFF);
        if (!byte)
            return std::nullopt;
        mac.bytes[i] = *byte;
    }
    return mac;
}

std::string to_string(const MacAddress& address) {
    const auto& b = address.bytes;
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", b[0], b[1], b[2], b[3], b[4], b[5]);
}

std::string to_string(const MacPattern& pattern) {
    if (pattern.is_exact())
        return to_string(pattern.address);
    return to_string(pattern.address).substr(0, 3 * pattern.length) + '*';
}

std::optional<MacPattern> MacPattern::parse(std::string_view text) {
    if (!text.ends_with('*')) {
        const auto mac = MacAddress::parse(text);
        return mac ? std::optional(MacPattern{*mac}) : std::nullopt;
    }
    const std::string_view beginning = text.substr(0, text.size() - 1);
    const bool colons = beginning.find(':') != std::string_view::npos;
    const std::string_view zeros = colons ? "00:00:00:00:00:00" : "000000000000";
    const std::size_t step = colons ? 3 : 2;
    if (beginning.size() % step != 0 || beginning.size() >= zeros.size())
        return std::nullopt;
    const auto first = MacAddress::parse(std::string(beginning).append(zeros.substr(beginning.size())));
    return first ? std::optional(MacPattern{*first, beginning.size() / step}) : std::nullopt;
}

} // namespace aoetarget
