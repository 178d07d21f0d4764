// AoE addresses, MAC addresses and ranges of sectors.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace aoetarget {

/// The unit of every AoE request: always 512 bytes, whatever the logical block of the device is.
inline constexpr std::size_t sector_bytes = 512;

/// The AoE address of an export: shelf ("major") 0 to 65534, slot ("minor") 0 to 254.
/// The two values above these ranges are wildcards on the wire and never name an export.
struct Address {
    static constexpr std::uint16_t max_shelf = 0xFFFE;
    static constexpr std::uint8_t max_slot = 0xFE;

    std::uint16_t shelf = 0;
    std::uint8_t slot = 0;

    auto operator<=>(const Address&) const = default;

    /// Reads "SHELF.SLOT" or "eSHELF.SLOT", both numbers decimal. Returns nothing if the text is anything
    /// else.
    static std::optional<Address> parse(std::string_view text);
};

/// Returns the name that Linux gives to the device node: "e1.2".
std::string to_string(const Address& address);

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};

    auto operator<=>(const MacAddress&) const = default;

    /// True for multicast addresses, of which broadcast is one.
    [[nodiscard]] bool is_multicast() const { return (bytes[0] & 1) != 0; }

    /// Reads six hexadecimal bytes, with colons ("02:00:00:00:00:01") or without ("020000000001"). Returns
    /// nothing if the text is anything else.
    static std::optional<MacAddress> parse(std::string_view text);
    static constexpr MacAddress broadcast() { return {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}}; }
};

/// Returns the form with colons and small letters: "02:00:00:00:00:01".
std::string to_string(const MacAddress& address);

/// A MAC address, or all addresses that begin with the same bytes.
struct MacPattern {
    MacAddress address;     ///< Bytes from `length` on are zero.
    std::size_t length = 6; ///< The number of bytes that must be the same, 0 to 6.

    bool operator==(const MacPattern&) const = default;

    [[nodiscard]] bool is_exact() const { return length == address.bytes.size(); }
    [[nodiscard]] bool matches(const MacAddress& mac) const {
        return std::equal(mac.bytes.begin(), mac.bytes.begin() + static_cast<std::ptrdiff_t>(length),
                          address.bytes.begin());
    }

    /// Reads a MAC address, or its first bytes and an asterisk ("52:54:00:*", "525400*", "*"). Returns
    /// nothing if the text is anything else.
    static std::optional<MacPattern> parse(std::string_view text);
};

/// Returns the form that MacPattern::parse() reads, with colons and small letters: "52:54:00:*".
std::string to_string(const MacPattern& pattern);

/// `count` sectors of 512 bytes, from sector `first` on.
struct SectorRange {
    std::uint64_t first = 0;
    std::uint64_t count = 0;

    bool operator==(const SectorRange&) const = default;

    [[nodiscard]] std::uint64_t end() const { return first + count; }
    [[nodiscard]] std::uint64_t bytes() const { return count * sector_bytes; }
    [[nodiscard]] bool overlaps(const SectorRange& other) const {
        return first < other.end() && other.first < end();
    }
    [[nodiscard]] bool contains(const SectorRange& other) const {
        return first <= other.first && other.end() <= end();
    }
    /// Returns whether the whole range lies on a device of `capacity` sectors. No value makes the test
    /// overflow.
    [[nodiscard]] bool fits(std::uint64_t capacity) const {
        return first <= capacity && count <= capacity - first;
    }
};

} // namespace aoetarget
#pragma GCC visibility pop
