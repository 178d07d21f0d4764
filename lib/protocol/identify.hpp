// IDENTIFY DEVICE data (lib/protocol/README.md, "IDENTIFY").
#pragma once

#include <aoetarget/block_device.hpp>

#include "protocol/bytes.hpp"

#include <string_view>

namespace aoetarget::protocol {

inline constexpr std::size_t max_serial = 20, max_model = 40, max_firmware = 8;

/// What an export says of itself.
struct Identity {
    std::string_view serial; ///< Printable ASCII; what is longer than the field is cut.
    std::string_view model;
    std::string_view firmware;
    Geometry geometry;
    bool write_cache_enabled = false; ///< Only with geometry.volatile_cache.
    unsigned max_dsm_sectors = 1;     ///< How many sectors of ranges one DATA SET MANAGEMENT may bring.
};

/// Fills `data`, exactly 512 bytes, with the 256 words, the checksum included.
void write_identify(Bytes data, const Identity& identity);

/// The World Wide Name of a serial number: NAA 3 (locally assigned) and 60 bits of its hash, so that every
/// target that exports the same volume under the same serial number gives the same name.
std::uint64_t wwn_of(std::string_view serial);

/// The parts of IDENTIFY that a tool wants, read back. `data` is at least 512 bytes.
struct IdentifySummary {
    std::uint64_t sectors = 0;
    std::array<char, max_serial> serial{};
    std::array<char, max_model> model{};

    static IdentifySummary parse(ConstBytes data);
};

/// 64-bit FNV-1a: stable across builds and machines, which std::hash is not.
constexpr std::uint64_t fnv1a(std::string_view text, std::uint64_t hash = 0xCBF29CE484222325ULL) {
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
    return hash;
}

} // namespace aoetarget::protocol
