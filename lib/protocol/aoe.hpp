// The AoE header and the commands other than ATA (AoEr11; lib/protocol/README.md, "The common header",
// "Command 1: Query Config", "Command 2: MAC mask list" and "Command 3: Reserve/Release").
#pragma once

#include "protocol/ethernet.hpp"

#include <optional>

namespace aoetarget::protocol {

inline constexpr std::size_t aoe_header_bytes = 24; // including the Ethernet header
inline constexpr std::size_t version_at = 14, error_at = 15, shelf_at = 16, slot_at = 18, command_at = 19,
                             tag_at = 20;
/// Bits of the byte that begins with the version.
inline constexpr std::uint8_t flag_response = 0x08, flag_error = 0x04;
inline constexpr std::uint8_t aoe_version = 1;
inline constexpr std::uint16_t any_shelf = 0xFFFF;
inline constexpr std::uint8_t any_slot = 0xFF;
inline constexpr std::uint8_t first_vendor_command = 0xF0;

enum class AoeCommand : std::uint8_t { ata = 0, query_config = 1, mask_list = 2, reserve = 3 };

enum class AoeError : std::uint8_t {
    none = 0,
    unrecognised_command = 1,
    bad_argument = 2,
    device_unavailable = 3,
    config_string_present = 4,
    unsupported_version = 5,
    target_is_reserved = 6,
};

/// The common header of lib/protocol/README.md, "The common header".
struct Header {
    MacAddress destination;
    MacAddress source;
    std::uint16_t ethertype = ethertype_aoe;
    std::uint8_t version = aoe_version;
    bool response = false;
    AoeError error = AoeError::none; ///< Anything but none sets the E flag.
    std::uint16_t shelf = 0;
    std::uint8_t slot = 0;
    std::uint8_t command = 0;
    std::uint32_t tag = 0;

    /// Returns nothing if the frame is shorter than a header.
    static std::optional<Header> parse(ConstBytes frame);
    void write(Bytes frame) const;

    [[nodiscard]] bool is_wildcard() const { return shelf == any_shelf || slot == any_slot; }
    [[nodiscard]] bool addresses(const Address& address) const {
        return (shelf == address.shelf || shelf == any_shelf) && (slot == address.slot || slot == any_slot);
    }
};

/// Returns the tag of a frame, which must be long enough.
inline std::uint32_t get_tag(ConstBytes frame) {
    return get_be32(frame, tag_at);
}

/// Returns how many sectors an MTU carries, computed conservatively, as Linux and other targets do
/// (lib/protocol/README.md, "Sectors in a frame").
constexpr unsigned sectors_fitting(unsigned mtu) {
    return mtu < 36 ? 0U : std::min(255U, (mtu - 36U) / 512U);
}
/// Returns the same, rounded down to whole 4 KiB if it is more than that.
constexpr unsigned aligned_sectors(unsigned sectors) {
    return sectors > 8 ? sectors / 8 * 8 : sectors;
}
/// Returns how many sectors per frame an MTU lets a target advertise; `limit` is the most that its operator
/// wants, 0 for as many as fit.
constexpr unsigned advertised_sectors(unsigned limit, unsigned mtu) {
    return limit != 0 ? std::min(limit, sectors_fitting(mtu)) : aligned_sectors(sectors_fitting(mtu));
}
/// The smallest MTU with which an interface can carry a sector.
inline constexpr unsigned min_mtu = 36 + 512;

// --- Command 1: Query Config ---------------------------------------------------------------------

inline constexpr std::size_t query_config_bytes = 32;
inline constexpr std::size_t max_config_string = 1024;

enum class ConfigCommand : std::uint8_t { read = 0, test = 1, test_prefix = 2, set = 3, force_set = 4 };

struct QueryConfig {
    std::uint16_t buffer_count = 0;
    std::uint16_t firmware_version = 0;
    std::uint8_t sectors_per_frame = 0;
    std::uint8_t command = 0; ///< The low nibble. The high one is the AoE version, and is ignored on receipt.
    std::uint16_t string_length = 0;

    /// Returns nothing if the frame is shorter than the fixed part. It does not check the string:
    /// `string_length` may lie.
    static std::optional<QueryConfig> parse(ConstBytes frame);
    /// Writes the fixed part. The string goes to offset `query_config_bytes`.
    void write(Bytes frame) const;
};

// --- Command 2: MAC mask list --------------------------------------------------------------------

inline constexpr std::size_t mask_list_bytes = 28;
inline constexpr std::size_t mask_directive_bytes = 8;

enum class MaskCommand : std::uint8_t { read = 0, edit = 1 };
enum class MaskError : std::uint8_t { none = 0, unspecified = 1, bad_directive = 2, list_full = 3 };
enum class MaskDirectiveCommand : std::uint8_t { none = 0, add = 1, remove = 2 };

struct MaskList {
    std::uint8_t command = 0;
    MaskError error = MaskError::none;
    std::uint8_t directive_count = 0;

    static std::optional<MaskList> parse(ConstBytes frame);
    void write(Bytes frame) const;
    /// Returns whether the frame is long enough for the directives that it counts.
    [[nodiscard]] bool is_complete(ConstBytes frame) const {
        return mask_list_bytes + mask_directive_bytes * directive_count <= frame.size();
    }
};

struct MaskDirective {
    std::uint8_t command = 0;
    MacAddress mac;

    static MaskDirective parse(ConstBytes frame, std::size_t index);
    void write(Bytes frame, std::size_t index) const;
};

// --- Command 3: Reserve / Release ----------------------------------------------------------------

inline constexpr std::size_t reserve_bytes = 26;
inline constexpr std::size_t mac_bytes = 6;

enum class ReserveCommand : std::uint8_t { read = 0, set = 1, force_set = 2 };

struct Reserve {
    std::uint8_t command = 0;
    std::uint8_t mac_count = 0;

    static std::optional<Reserve> parse(ConstBytes frame);
    void write(Bytes frame) const;
    [[nodiscard]] bool is_complete(ConstBytes frame) const {
        return reserve_bytes + mac_bytes * mac_count <= frame.size();
    }
};

} // namespace aoetarget::protocol
