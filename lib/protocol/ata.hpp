// AoE command 0: the ATA registers on the wire, and the meaning of each ATA command (lib/protocol/README.md,
// "Command 0: ATA", lib/protocol/README.md, "ATA commands").
#pragma once

#include "protocol/aoe.hpp"

namespace aoetarget::protocol {

inline constexpr std::size_t ata_header_bytes =
    36; // including the Ethernet and AoE headers; data begins here
inline constexpr unsigned max_sectors_per_frame = 255; // the count is one byte

/// The opcode of IDENTIFY DEVICE.
inline constexpr std::uint8_t ata_identify = 0xEC;

enum AtaFlag : std::uint8_t {
    ata_flag_write = 0x01, ///< Data travels to the device.
};

enum AtaStatus : std::uint8_t {
    ata_status_error = 0x01,
    ata_status_device_fault = 0x20,
    ata_status_ready = 0x40,
};

enum AtaErrorBit : std::uint8_t {
    ata_error_abort = 0x04,
    ata_error_id_not_found = 0x10,
    ata_error_uncorrectable = 0x40,
};

/// The 12 bytes of registers that follow the AoE header, in a request and in an answer.
struct AtaRegisters {
    std::uint8_t flags = 0;
    std::uint8_t feature_or_error = 0;
    std::uint8_t count = 0;
    std::uint8_t command_or_status = 0;
    std::array<std::uint8_t, 6> lba{}; ///< lba[0] holds bits 7:0.

    /// Returns nothing if the frame is too short.
    static std::optional<AtaRegisters> parse(ConstBytes frame);
    void write(Bytes frame) const;

    /// Returns the 28-bit address. Bits 27:24 come from the low nibble of lba[3]; lba[4] and lba[5] are
    /// ignored (lib/protocol/README.md, "28 or 48 bits").
    [[nodiscard]] std::uint64_t lba28() const;
    [[nodiscard]] std::uint64_t lba48() const;
    void set_lba48(std::uint64_t value);
};

enum class AtaAction : std::uint8_t {
    abort,
    read,
    write,
    verify,
    data_set_management,
    flush,
    standby,
    idle,
    check_power_mode,
    diagnostic,
    identify,
    set_features,
};

/// Returns whether the action may change data of the device.
constexpr bool changes_data(AtaAction action) {
    return action == AtaAction::write || action == AtaAction::data_set_management;
}

/// The effect and the needs of a command: one row of the table in lib/protocol/README.md, "ATA commands".
struct AtaCommand {
    AtaAction action = AtaAction::abort;
    bool lba48 = false;
    bool durable = false;          ///< Forced unit access.
    bool needs_reservation = true; ///< Category W: refused to hosts that a reservation excludes.
    bool allowed_on_wildcard =
        true; ///< False for changes of data (lib/protocol/README.md, "Open questions").
};

/// Returns the row for an opcode. The opcode, and never the E flag, decides between 28 and 48 bits
/// (lib/protocol/README.md, "28 or 48 bits").
const AtaCommand& ata_command(std::uint8_t opcode);

enum class SetFeature : std::uint8_t {
    enable_write_cache = 0x02,
    set_transfer_mode = 0x03,
    disable_look_ahead = 0x55,
    disable_revert_to_defaults = 0x66,
    disable_write_cache = 0x82,
    enable_look_ahead = 0xAA,
    enable_revert_to_defaults = 0xCC,
};

/// DATA SET MANAGEMENT: the feature bit that asks for TRIM, and the list of ranges in the data.
inline constexpr std::uint8_t dsm_trim = 0x01;
inline constexpr std::size_t dsm_entry_bytes = 8;
/// Returns entry `index` of the list. Its count is 0 if the entry is to be ignored.
SectorRange dsm_entry(ConstBytes data, std::size_t index);

} // namespace aoetarget::protocol
