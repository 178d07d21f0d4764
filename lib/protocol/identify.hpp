// IDENTIFY DEVICE data (lib/protocol/README.md, "IDENTIFY").
#pragma once

#include <aoetarget/block_device.hpp>

#include "protocol/bytes.hpp"

#include <string_view>

namespace aoetarget::protocol {

inline constexpr std::size_t max_serial = 20, max_model = 40, max_firmware = 8;

/// The properties of an export.
struct Identity {
    std::string_view serial; ///< Printable ASCII, cut at the length of the field.
    std::string_view model;
    std::string_view firmware;
    Geometry geometry;
    bool write_cache_enabled = false; ///< It has a meaning only with geometry.volatile_cache.
    unsigned max_dsm_sectors = 1;     ///< The longest list of one DATA SET MANAGEMENT.
};

/// Fills `data`, exactly 512 bytes, with the 256 words, including the checksum.
void write_identify(Bytes data, const Identity& identity);

/// Returns the World Wide Name of a serial number: NAA 3 (locally assigned) and 60 bits of its hash, so that
/// all targets that export a volume under the same serial number give it the same name.
std::uint64_t wwn_of(std::string_view serial);

/// The parts of IDENTIFY that tools read. `data` must have at least 512 bytes.
struct IdentifySummary {
    std::uint64_t sectors = 0;
    std::array<char, max_serial> serial{};
    std::array<char, max_model> model{};

    static IdentifySummary parse(ConstBytes data);
};

/// Returns the text without the spaces and zeros at its ends, with which IDENTIFY pads its texts.
std::string_view unpadded(std::string_view text);

/// Returns a 64-bit FNV-1a hash, which, unlike std::hash, is the same on all builds and machines.
constexpr std::uint64_t fnv1a(std::string_view text, std::uint64_t hash = 0xCBF29CE484222325ULL) {
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
    return hash;
}

} // namespace aoetarget::protocol
