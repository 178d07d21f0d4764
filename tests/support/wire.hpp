// The wire as the test client writes and reads it, from lib/protocol/README.md, "The common header" alone:
// nothing here comes from the library, so that a mistake in the library's layouts is not repeated by its
// judge.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aoetest {

using Bytes = std::vector<std::uint8_t>;

struct Mac {
    std::array<std::uint8_t, 6> octets{};
    auto operator<=>(const Mac&) const = default;
    std::string text() const;
};

inline constexpr Mac broadcast_mac{{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};
inline constexpr Mac zero_mac{{0, 0, 0, 0, 0, 0}};

// A locally administered address; different numbers give different addresses.
Mac numbered_mac(unsigned number);

inline constexpr std::size_t sector_bytes = 512;
inline constexpr std::size_t minimum_frame = 60;
inline constexpr std::uint16_t ethernet_type_aoe = 0x88A2;
inline constexpr std::uint16_t every_shelf = 0xFFFF;
inline constexpr std::uint8_t every_slot = 0xFF;

// AoE commands (lib/protocol/README.md, "The common header").
inline constexpr std::uint8_t command_ata = 0;
inline constexpr std::uint8_t command_config = 1;
inline constexpr std::uint8_t command_mask = 2;
inline constexpr std::uint8_t command_reserve = 3;

// Flags of the byte after the Ethernet type (lib/protocol/README.md, "The common header").
inline constexpr std::uint8_t flag_response = 0x08;
inline constexpr std::uint8_t flag_error = 0x04;

// aflags (lib/protocol/README.md, "Command 0: ATA").
inline constexpr std::uint8_t aflag_extended = 0x40;
inline constexpr std::uint8_t aflag_device = 0x10;
inline constexpr std::uint8_t aflag_asynchronous = 0x02;
inline constexpr std::uint8_t aflag_write = 0x01;

// Status and error registers (lib/protocol/README.md, "Registers in the answer").
inline constexpr std::uint8_t status_good = 0x40;
inline constexpr std::uint8_t status_error = 0x41;
inline constexpr std::uint8_t status_fault = 0x61;
inline constexpr std::uint8_t error_abort = 0x04;
inline constexpr std::uint8_t error_id_not_found = 0x10;
inline constexpr std::uint8_t error_uncorrectable = 0x40;

// ATA commands (lib/protocol/README.md, "ATA commands") that tests name often.
namespace ata {
inline constexpr std::uint8_t data_set_management = 0x06;
inline constexpr std::uint8_t read_sectors = 0x20;
inline constexpr std::uint8_t read_sectors_ext = 0x24;
inline constexpr std::uint8_t write_sectors = 0x30;
inline constexpr std::uint8_t write_sectors_ext = 0x34;
inline constexpr std::uint8_t write_dma_fua_ext = 0x3D;
inline constexpr std::uint8_t read_verify = 0x40;
inline constexpr std::uint8_t read_verify_ext = 0x42;
inline constexpr std::uint8_t smart = 0xB0;
inline constexpr std::uint8_t check_power_mode = 0xE5;
inline constexpr std::uint8_t flush_cache = 0xE7;
inline constexpr std::uint8_t flush_cache_ext = 0xEA;
inline constexpr std::uint8_t identify = 0xEC;
inline constexpr std::uint8_t set_features = 0xEF;

bool reads_data(std::uint8_t opcode);  // READ SECTORS and its kin that this target answers with data
bool writes_data(std::uint8_t opcode); // WRITE SECTORS and its kin
bool is_28_bit(std::uint8_t opcode);
} // namespace ata

// One request frame. What is left empty is filled in by the client that sends it.
struct Request {
    std::optional<Mac> destination; // default: the target's interface
    std::optional<Mac> source;      // default: the client's interface
    std::uint16_t ethernet_type = ethernet_type_aoe;
    std::uint8_t version = 1;
    std::uint8_t flags = 0;
    std::uint8_t error = 0;
    std::uint16_t shelf = 1;
    std::uint8_t slot = 1;
    std::uint8_t command = command_ata;
    std::optional<std::uint32_t> tag; // default: a fresh one
    Bytes argument;                   // everything from offset 24 on

    Request& to(std::uint16_t new_shelf, std::uint8_t new_slot);
    Request& from(const Mac& mac);
    Request& tagged(std::uint32_t new_tag);
    Bytes encode() const;

    // Places in an ATA argument, by their offset in the frame (lib/protocol/README.md, "Command 0: ATA").
    std::uint8_t& at(std::size_t frame_offset);
    std::uint8_t byte_at(std::size_t frame_offset) const; // 0 beyond the end
    std::uint8_t opcode() const { return byte_at(27); }
    std::uint8_t count() const { return byte_at(26); }
};

// Request builders. LBA registers are laid out by the opcode: 28-bit commands get bits 27:24 and 0xE0 in
// lba3.
Request ata_request(std::uint8_t opcode, std::uint8_t features = 0, std::uint8_t count = 0,
                    std::uint64_t lba = 0, std::uint8_t aflags = 0, const Bytes& data = {});
Request read_request(std::uint64_t lba, std::uint8_t count, std::uint8_t opcode = ata::read_sectors_ext);
Request write_request(std::uint64_t lba, const Bytes& data, std::uint8_t opcode = ata::write_sectors_ext);
Request identify_request();
Request flush_request(std::uint8_t opcode = ata::flush_cache_ext);

struct TrimRange {
    std::uint64_t lba;
    std::uint16_t count;
};
Request trim_request(const std::vector<TrimRange>& ranges, std::uint8_t blocks = 1);

inline constexpr std::uint8_t ccmd_read = 0, ccmd_test = 1, ccmd_prefix = 2, ccmd_set = 3, ccmd_force = 4;
Request config_request(std::uint8_t ccmd = ccmd_read, std::string_view text = {});

struct Directive {
    std::uint8_t command; // 0 none, 1 add, 2 delete
    Mac mac;
};
inline constexpr std::uint8_t mask_read = 0, mask_edit = 1;
inline constexpr std::uint8_t directive_none = 0, directive_add = 1, directive_delete = 2;
Request mask_request(std::uint8_t mcmd = mask_read, const std::vector<Directive>& directives = {});

inline constexpr std::uint8_t reserve_read = 0, reserve_set = 1, reserve_force = 2;
Request reserve_request(std::uint8_t rcmd = reserve_read, const std::vector<Mac>& holders = {});

// One received frame; accessors read at the offsets of lib/protocol/README.md, "The common header" and give
// zero beyond the frame's end.
struct Reply {
    Bytes bytes;

    Mac destination() const { return mac_at(0); }
    Mac source() const { return mac_at(6); }
    std::uint16_t ethernet_type() const { return word_at(12); }
    std::uint8_t version() const { return static_cast<std::uint8_t>(byte_at(14) >> 4); }
    std::uint8_t flags() const { return byte_at(14) & 0x0F; }
    bool is_response() const { return (flags() & flag_response) != 0; }
    bool is_error() const { return (flags() & flag_error) != 0; }
    std::uint8_t error() const { return byte_at(15); }
    std::uint16_t shelf() const { return word_at(16); }
    std::uint8_t slot() const { return byte_at(18); }
    std::uint8_t command() const { return byte_at(19); }
    std::uint32_t tag() const;

    // Command 0.
    std::uint8_t aflags() const { return byte_at(24); }
    std::uint8_t ata_error() const { return byte_at(25); }
    std::uint8_t count() const { return byte_at(26); }
    std::uint8_t status() const { return byte_at(27); }
    Bytes lba_registers() const { return slice(28, 6); }
    Bytes data() const { return bytes.size() > 36 ? slice(36, bytes.size() - 36) : Bytes{}; }
    bool succeeded() const { return !is_error() && status() == status_good; }

    // Command 1.
    std::uint16_t buffer_count() const { return word_at(24); }
    std::uint16_t firmware() const { return word_at(26); }
    std::uint8_t sectors_per_frame() const { return byte_at(28); }
    std::uint8_t ccmd() const { return byte_at(29) & 0x0F; }
    std::uint16_t config_length() const { return word_at(30); }
    std::string config_text() const;

    // Command 2.
    std::uint8_t mcmd() const { return byte_at(25); }
    std::uint8_t mask_error() const { return byte_at(26); }
    std::uint8_t mask_count() const { return byte_at(27); }
    std::vector<Mac> mask_list() const;

    // Command 3.
    std::uint8_t rcmd() const { return byte_at(24); }
    std::uint8_t holder_count() const { return byte_at(25); }
    std::vector<Mac> holders() const;

    std::uint8_t byte_at(std::size_t offset) const {
        return offset < bytes.size() ? bytes[offset] : std::uint8_t{0};
    }
    std::uint16_t word_at(std::size_t offset) const;
    Mac mac_at(std::size_t offset) const;
    Bytes slice(std::size_t offset, std::size_t length) const;
};

std::string hex_dump(const Bytes& bytes, std::size_t limit = 96);

// IDENTIFY words (lib/protocol/README.md, "IDENTIFY") out of the 512 bytes of a reply.
struct Identify {
    explicit Identify(const Bytes& data);
    std::array<std::uint16_t, 256> words{};
    std::uint64_t sectors_28() const;
    std::uint64_t sectors_48() const;
    std::string text(std::size_t first_word,
                     std::size_t last_word) const; // unswapped, trailing spaces removed
    bool bit(std::size_t word, unsigned number) const { return ((words[word] >> number) & 1) != 0; }
};

// Payloads whose every sector tells which sector and which version of it this is.
Bytes pattern(std::uint64_t lba, std::size_t sectors, std::uint32_t version = 0);

// Empty when equal, else in few words where two runs of sectors differ. `lba` is that of the first sector.
std::string difference(const Bytes& got, const Bytes& wanted, std::uint64_t lba = 0);

} // namespace aoetest
