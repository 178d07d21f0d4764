// The names by which things are known on the wire: AoE addresses, MAC addresses and ranges of sectors.
#pragma once

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

    /// Reads "SHELF.SLOT" or "eSHELF.SLOT", both decimal. Empty where the text is anything else.
    static std::optional<Address> parse(std::string_view text);
};

/// The form that Linux gives to the device node: "e1.2".
std::string to_string(const Address& address);

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};

    auto operator<=>(const MacAddress&) const = default;

    /// True for multicast addresses, of which broadcast is one.
    [[nodiscard]] bool is_multicast() const { return (bytes[0] & 1) != 0; }

    /// Reads six hexadecimal bytes, with colons ("02:00:00:00:00:01") or without ("020000000001").
    static std::optional<MacAddress> parse(std::string_view text);
    static constexpr MacAddress broadcast() { return {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}}; }
};

std::string to_string(const MacAddress& address);

/// `count` sectors from sector `first` on. An empty range overlaps nothing.
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
    /// Whether the whole range lies on a device of `capacity` sectors; no sum of the test can overflow.
    [[nodiscard]] bool fits(std::uint64_t capacity) const {
        return first <= capacity && count <= capacity - first;
    }
};

} // namespace aoetarget
#pragma GCC visibility pop
