// A MAC address as a number, for tables of fixed size.
#pragma once

#include <aoetarget/address.hpp>

#include <cstdint>

namespace aoetarget::core {

/// Returns another number for each address, never 0.
inline std::uint64_t mac_key(const MacAddress& address) {
    std::uint64_t key = 1;
    for (const std::uint8_t byte : address.bytes)
        key = key << 8 | byte;
    return key;
}

/// Spreads keys: the uppermost bits of the product with this number choose the place.
inline constexpr std::uint64_t key_spread = 0x9E3779B97F4A7C15;

} // namespace aoetarget::core
