// The words of IDENTIFY DEVICE data, each with its source.
#include "protocol/identify.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace aoetarget::protocol {
namespace {

constexpr std::size_t identify_bytes = 512;
constexpr std::uint64_t max_lba28_sectors = 0x0FFFFFFF;

class Words {
  public:
    explicit Words(Bytes data) : data_(data) { std::fill(data.begin(), data.end(), std::byte{0}); }

    void set(std::size_t word, std::uint64_t value) {
        put_le16(data_, 2 * word, static_cast<std::uint16_t>(value));
    }

    /// Stores the least significant word first.
    void set_number(std::size_t word, std::size_t words, std::uint64_t value) {
        for (std::size_t i = 0; i < words; ++i, value >>= 16)
            set(word + i, value & 0xFFFF);
    }

    /// Stores an ATA string, which has the first character of each pair in the high byte, and is padded with
    /// spaces.
    void set_text(std::size_t word, std::size_t length, std::string_view text) {
        for (std::size_t i = 0; i < length; ++i) {
            const char c = i < text.size() ? text[i] : ' ';
            data_[2 * word + (i ^ 1)] = std::byte{static_cast<unsigned char>(c)};
        }
    }

    /// Adds the signature A5 and a byte that makes the sum of all bytes zero.
    void set_checksum() {
        put_u8(data_, identify_bytes - 2, 0xA5);
        unsigned sum = 0;
        for (std::size_t i = 0; i < identify_bytes - 1; ++i)
            sum += get_u8(data_, i);
        put_u8(data_, identify_bytes - 1, static_cast<std::uint8_t>(0U - sum));
    }

  private:
    Bytes data_;
};

/// Stores cylinders, heads and sectors as ATA-5 derives them for a disk of this size.
void set_geometry(Words& words, std::uint64_t sectors) {
    constexpr std::uint64_t heads = 16, sectors_per_track = 63, max_cylinders = 16383;
    const std::uint64_t cylinders = std::min(max_cylinders, sectors / (heads * sectors_per_track));
    words.set(1, cylinders);
    words.set(3, heads);
    words.set(6, sectors_per_track);
    words.set(54, cylinders);
    words.set(55, heads);
    words.set(56, sectors_per_track);
    words.set_number(57, 2, cylinders * heads * sectors_per_track);
}

void set_capabilities(Words& words) {
    words.set(0, 0x0040);  // an ATA device, fixed
    words.set(47, 0x8000); // READ MULTIPLE is not supported
    words.set(48, 0x4000);
    words.set(49, 0x0300); // LBA and DMA
    words.set(50, 0x4000);
    words.set(53, 0x0007); // words 54-58, 64-70 and 88 are valid
    words.set(63, 0x0007); // multiword DMA 0-2
    words.set(64, 0x0003); // PIO 3 and 4
    for (std::size_t word = 65; word <= 68; ++word)
        words.set(word, 120); // cycle time in nanoseconds
    words.set(80, 0x03F0);    // ATA-4 to ACS-2
    words.set(88, 0x203F);    // UDMA 0-5, mode 5 selected
    words.set(93, 0x400B);
}

void set_features(Words& words, const Identity& identity) {
    const unsigned cache = identity.geometry.volatile_cache ? 0x0020 : 0;
    const unsigned cache_enabled = identity.write_cache_enabled ? cache : 0;
    words.set(82, 0x4008 | cache); // NOP, power management
    words.set(83, 0x7400);         // FLUSH CACHE EXT, FLUSH CACHE, LBA48
    words.set(84, 0x4140);         // WWN, WRITE DMA FUA EXT
    words.set(85, 0x4008 | cache_enabled);
    words.set(86, 0xB400); // as 83; words 119 and 120 are valid
    words.set(87, 0x4140);
    words.set(119, 0x4000);
    words.set(120, 0x4000);
}

void set_discard(Words& words, const Identity& identity) {
    if (!identity.geometry.discard || identity.geometry.read_only)
        return;
    // This promises that reads after a trim are deterministic and zero. It would be false for parts of
    // logical blocks, which are never trimmed.
    if (identity.geometry.discard_zeroes && identity.geometry.logical_block_bytes == sector_bytes)
        words.set(69, 0x4020);
    words.set(105, identity.max_dsm_sectors);
    words.set(169, 0x0001);
}

void set_blocks(Words& words, const Geometry& geometry) {
    // The AoE sector is always 512 bytes, so word 106 describes physical blocks only.
    const auto exponent =
        static_cast<unsigned>(std::countr_zero(geometry.physical_block_bytes / sector_bytes));
    words.set(106, exponent == 0 ? 0x4000 : 0x6000 | exponent);
    words.set(209, 0x4000 | geometry.physical_offset_sectors);
    words.set(217, geometry.rotation_rate);
}

} // namespace

void write_identify(Bytes data, const Identity& identity) {
    assert(data.size() == identify_bytes);
    Words words(data);
    set_capabilities(words);
    set_geometry(words, identity.geometry.sectors);
    words.set_text(10, max_serial, identity.serial);
    words.set_text(23, max_firmware, identity.firmware);
    words.set_text(27, max_model, identity.model);
    words.set_number(60, 2, std::min(identity.geometry.sectors, max_lba28_sectors));
    words.set_number(100, 4, identity.geometry.sectors);
    set_features(words, identity);
    set_discard(words, identity);
    set_blocks(words, identity.geometry);
    const std::uint64_t wwn = wwn_of(identity.serial);
    for (std::size_t i = 0; i < 4; ++i)
        words.set(108 + i, wwn >> (48 - 16 * i) & 0xFFFF); // most significant word first
    words.set_checksum();
}

std::uint64_t wwn_of(std::string_view serial) {
    return 0x3ULL << 60 | fnv1a(serial) >> 4;
}

IdentifySummary IdentifySummary::parse(ConstBytes data) {
    IdentifySummary summary;
    const auto word = [&](std::size_t index) { return get_le16(data, 2 * index); };
    const auto number = [&](std::size_t first, std::size_t words) {
        std::uint64_t value = 0;
        for (std::size_t i = words; i-- > 0;)
            value = value << 16 | word(first + i);
        return value;
    };
    const auto text = [&](std::size_t first, auto& out) {
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = static_cast<char>(get_u8(data, 2 * first + (i ^ 1)));
    };
    const bool lba48 = ((word(83) | word(86)) & 0x0400) != 0; // as Linux tests it
    summary.sectors = lba48 ? number(100, 4) : number(60, 2);
    text(10, summary.serial);
    text(27, summary.model);
    return summary;
}

std::string_view unpadded(std::string_view text) {
    const auto is_padding = [](char c) { return c == ' ' || c == '\0'; };
    while (!text.empty() && is_padding(text.back()))
        text.remove_suffix(1);
    while (!text.empty() && is_padding(text.front()))
        text.remove_prefix(1);
    return text;
}

} // namespace aoetarget::protocol
