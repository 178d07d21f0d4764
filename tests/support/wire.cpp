#include "wire.hpp"

#include "check.hpp"

#include <algorithm>
#include <cstdio>

namespace aoetest {

namespace {

void put_word(Bytes& out, std::uint16_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value & 0xFF));
}

void put_mac(Bytes& out, const Mac& mac) {
    out.insert(out.end(), mac.octets.begin(), mac.octets.end());
}

bool is_one_of(std::uint8_t opcode, std::initializer_list<std::uint8_t> set) {
    return std::find(set.begin(), set.end(), opcode) != set.end();
}

} // namespace

std::string Mac::text() const {
    char buffer[18];
    std::snprintf(buffer, sizeof buffer, "%02x:%02x:%02x:%02x:%02x:%02x", octets[0], octets[1], octets[2],
                  octets[3], octets[4], octets[5]);
    return buffer;
}

Mac numbered_mac(unsigned number) {
    return Mac{{0x02, 0x5E, 0x57, static_cast<std::uint8_t>(number >> 16),
                static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}};
}

namespace ata {

bool reads_data(std::uint8_t opcode) {
    return is_one_of(opcode, {0x20, 0x21, 0x24, 0x25, 0xC8, 0xC9});
}
bool writes_data(std::uint8_t opcode) {
    return is_one_of(opcode, {0x30, 0x31, 0x34, 0x35, 0x3D, 0xCA, 0xCB});
}
bool is_28_bit(std::uint8_t opcode) {
    return is_one_of(opcode, {0x20, 0x21, 0xC8, 0xC9, 0x30, 0x31, 0xCA, 0xCB, 0x40, 0x41, 0xF8});
}

} // namespace ata

Request& Request::to(std::uint16_t new_shelf, std::uint8_t new_slot) {
    shelf = new_shelf;
    slot = new_slot;
    return *this;
}

Request& Request::from(const Mac& mac) {
    source = mac;
    return *this;
}

Request& Request::tagged(std::uint32_t new_tag) {
    tag = new_tag;
    return *this;
}

Bytes Request::encode() const {
    Bytes out;
    out.reserve(24 + argument.size());
    put_mac(out, destination.value_or(broadcast_mac));
    put_mac(out, source.value_or(zero_mac));
    put_word(out, ethernet_type);
    out.push_back(static_cast<std::uint8_t>((version << 4) | (flags & 0x0F)));
    out.push_back(error);
    put_word(out, shelf);
    out.push_back(slot);
    out.push_back(command);
    const std::uint32_t number = tag.value_or(0);
    put_word(out, static_cast<std::uint16_t>(number >> 16));
    put_word(out, static_cast<std::uint16_t>(number & 0xFFFF));
    std::ranges::copy(argument, std::back_inserter(out));
    return out;
}

std::uint8_t& Request::at(std::size_t frame_offset) {
    return argument.at(frame_offset - 24);
}

std::uint8_t Request::byte_at(std::size_t frame_offset) const {
    return frame_offset - 24 < argument.size() ? argument[frame_offset - 24] : std::uint8_t{0};
}

Request ata_request(std::uint8_t opcode, std::uint8_t features, std::uint8_t count, std::uint64_t lba,
                    std::uint8_t aflags, const Bytes& data) {
    Request request;
    request.command = command_ata;
    request.argument = {aflags, features, count, opcode};
    for (unsigned i = 0; i < 6; ++i)
        request.argument.push_back(static_cast<std::uint8_t>(lba >> (8 * i)));
    if (ata::is_28_bit(opcode)) {
        request.at(31) = static_cast<std::uint8_t>(0xE0 | ((lba >> 24) & 0x0F));
        request.at(32) = 0;
        request.at(33) = 0;
    }
    request.argument.insert(request.argument.end(), 2, 0);
    request.argument.insert(request.argument.end(), data.begin(), data.end());
    return request;
}

Request read_request(std::uint64_t lba, std::uint8_t count, std::uint8_t opcode) {
    return ata_request(opcode, 0, count, lba, ata::is_28_bit(opcode) ? 0 : aflag_extended);
}

Request write_request(std::uint64_t lba, const Bytes& data, std::uint8_t opcode) {
    const auto aflags =
        static_cast<std::uint8_t>(aflag_write | (ata::is_28_bit(opcode) ? 0 : aflag_extended));
    return ata_request(opcode, 0, static_cast<std::uint8_t>(data.size() / sector_bytes), lba, aflags, data);
}

Request identify_request() {
    Request request = ata_request(ata::identify, 0, 1);
    request.at(31) = 0xA0; // as the Linux driver sends it
    return request;
}

Request flush_request(std::uint8_t opcode) {
    return ata_request(opcode);
}

Request trim_request(const std::vector<TrimRange>& ranges, std::uint8_t blocks) {
    Bytes data(blocks * sector_bytes, 0);
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        for (unsigned byte = 0; byte < 6; ++byte)
            data.at(8 * i + byte) = static_cast<std::uint8_t>(ranges[i].lba >> (8 * byte));
        data.at(8 * i + 6) = static_cast<std::uint8_t>(ranges[i].count & 0xFF);
        data.at(8 * i + 7) = static_cast<std::uint8_t>(ranges[i].count >> 8);
    }
    return ata_request(ata::data_set_management, 1, blocks, 0, aflag_write | aflag_extended, data);
}

Request config_request(std::uint8_t ccmd, std::string_view text) {
    Request request;
    request.command = command_config;
    request.argument = {0, 0, 0, 0, 0, ccmd};
    put_word(request.argument, static_cast<std::uint16_t>(text.size()));
    request.argument.insert(request.argument.end(), text.begin(), text.end());
    return request;
}

Request mask_request(std::uint8_t mcmd, const std::vector<Directive>& directives) {
    Request request;
    request.command = command_mask;
    request.argument = {0, mcmd, 0, static_cast<std::uint8_t>(directives.size())};
    for (const Directive& directive : directives) {
        request.argument.push_back(0);
        request.argument.push_back(directive.command);
        put_mac(request.argument, directive.mac);
    }
    return request;
}

Request reserve_request(std::uint8_t rcmd, const std::vector<Mac>& holders) {
    Request request;
    request.command = command_reserve;
    request.argument = {rcmd, static_cast<std::uint8_t>(holders.size())};
    for (const Mac& mac : holders)
        put_mac(request.argument, mac);
    return request;
}

std::uint32_t Reply::tag() const {
    return (static_cast<std::uint32_t>(word_at(20)) << 16) | word_at(22);
}

std::string Reply::config_text() const {
    const Bytes text = slice(32, config_length());
    return {text.begin(), text.end()};
}

std::vector<Mac> Reply::mask_list() const {
    std::vector<Mac> list;
    for (std::size_t i = 0; i < mask_count(); ++i)
        list.push_back(mac_at(28 + 8 * i + 2));
    return list;
}

std::vector<Mac> Reply::holders() const {
    std::vector<Mac> list;
    for (std::size_t i = 0; i < holder_count(); ++i)
        list.push_back(mac_at(26 + 6 * i));
    return list;
}

std::uint16_t Reply::word_at(std::size_t offset) const {
    return static_cast<std::uint16_t>((byte_at(offset) << 8) | byte_at(offset + 1));
}

Mac Reply::mac_at(std::size_t offset) const {
    Mac mac;
    for (std::size_t i = 0; i < 6; ++i)
        mac.octets[i] = byte_at(offset + i);
    return mac;
}

Bytes Reply::slice(std::size_t offset, std::size_t length) const {
    const std::size_t first = std::min(offset, bytes.size());
    const std::size_t last = std::min(first + length, bytes.size());
    return {bytes.begin() + static_cast<std::ptrdiff_t>(first),
            bytes.begin() + static_cast<std::ptrdiff_t>(last)};
}

std::string hex_dump(const Bytes& bytes, std::size_t limit) {
    std::string text = std::to_string(bytes.size()) + " bytes:";
    for (std::size_t i = 0; i < std::min(limit, bytes.size()); ++i) {
        char pair[4];
        std::snprintf(pair, sizeof pair, "%s%02x", i % 4 == 0 ? " " : "", bytes[i]);
        text += pair;
    }
    return bytes.size() > limit ? text + " ..." : text;
}

Identify::Identify(const Bytes& data) {
    if (data.size() != sector_bytes)
        abort_test("IDENTIFY data has " + std::to_string(data.size()) + " bytes");
    for (std::size_t i = 0; i < words.size(); ++i)
        words[i] = static_cast<std::uint16_t>(data[2 * i] | (data[2 * i + 1] << 8));
}

std::uint64_t Identify::sectors_28() const {
    return words[60] | (static_cast<std::uint64_t>(words[61]) << 16);
}

std::uint64_t Identify::sectors_48() const {
    return words[100] | (static_cast<std::uint64_t>(words[101]) << 16) |
           (static_cast<std::uint64_t>(words[102]) << 32) | (static_cast<std::uint64_t>(words[103]) << 48);
}

std::string Identify::text(std::size_t first_word, std::size_t last_word) const {
    std::string result;
    for (std::size_t i = first_word; i <= last_word; ++i) {
        result.push_back(static_cast<char>(words[i] >> 8));
        result.push_back(static_cast<char>(words[i] & 0xFF));
    }
    result.erase(result.find_last_not_of(' ') + 1);
    return result;
}

Bytes pattern(std::uint64_t lba, std::size_t sectors, std::uint32_t version) {
    Bytes data;
    data.reserve(sectors * sector_bytes);
    for (std::size_t sector = 0; sector < sectors; ++sector) {
        // xorshift, seeded by sector and version: no two sectors alike, none compressible, none all zero.
        std::uint64_t state =
            (lba + sector + 1) * 0x9E3779B97F4A7C15ULL ^ (version + 1) * 0xD1B54A32D192ED03ULL;
        for (std::size_t i = 0; i < sector_bytes / 8; ++i) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            for (unsigned byte = 0; byte < 8; ++byte)
                data.push_back(static_cast<std::uint8_t>(state >> (8 * byte)));
        }
    }
    return data;
}

std::string difference(const Bytes& got, const Bytes& wanted, std::uint64_t lba) {
    if (got.size() != wanted.size())
        return std::to_string(got.size()) + " bytes instead of " + std::to_string(wanted.size());
    std::string sectors;
    for (std::size_t i = 0; i * sector_bytes < got.size(); ++i) {
        const auto first = static_cast<std::ptrdiff_t>(i * sector_bytes);
        const auto last = static_cast<std::ptrdiff_t>(std::min((i + 1) * sector_bytes, got.size()));
        if (!std::equal(got.begin() + first, got.begin() + last, wanted.begin() + first))
            sectors += " " + std::to_string(lba + i);
    }
    return sectors.empty() ? "" : "wrong sectors:" + sectors;
}

} // namespace aoetest
