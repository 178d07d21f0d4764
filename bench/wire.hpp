// The few AoE frames the load generator speaks, encoded and decoded on their own: the bench shares
// no code with the target, so that a mistake in one is not repeated in the other.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace bench::wire {

using Mac = std::array<std::uint8_t, 6>;
inline constexpr Mac broadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

struct Address {
    std::uint16_t shelf;
    std::uint8_t slot;
    auto operator<=>(const Address&) const = default;
};

inline constexpr std::uint16_t ether_type = 0x88a2;
inline constexpr std::size_t sector_bytes = 512;
inline constexpr std::size_t ata_header_bytes = 36;
inline constexpr std::size_t query_header_bytes = 32; // some targets send no more, unpadded
inline constexpr std::size_t shortest_frame = 60;

enum class Command : std::uint8_t { ata = 0, query = 1 };
enum class Ata : std::uint8_t { read = 0x24, write = 0x34, identify = 0xec };

struct Request {
    Mac target;
    Mac source;
    Address address;
    std::uint32_t tag;
    Ata command;
    std::uint8_t sectors;
    std::uint64_t lba;
};

template <typename T>
void put_be(std::span<std::byte> at, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i)
        at[i] = static_cast<std::byte>(value >> (8 * (sizeof(T) - 1 - i)) & 0xff);
}

template <typename T>
T get_be(std::span<const std::byte> at) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        value = value << 8 | std::to_integer<std::uint64_t>(at[i]);
    return static_cast<T>(value);
}

inline void encode_common(std::span<std::byte> frame, const Mac& target, const Mac& source, Address address,
                          Command command, std::uint32_t tag) {
    std::memcpy(frame.data(), target.data(), target.size());
    std::memcpy(frame.data() + 6, source.data(), source.size());
    put_be(frame.subspan(12), ether_type);
    frame[14] = std::byte{0x10}; // version 1, a request
    frame[15] = std::byte{0};
    put_be(frame.subspan(16), address.shelf);
    frame[18] = std::byte{address.slot};
    frame[19] = static_cast<std::byte>(command);
    put_be(frame.subspan(20), tag);
}

// Writes the header of an ATA request (the payload of a write starts at ata_header_bytes) and returns the
// frame's length.
inline std::size_t encode_ata(std::span<std::byte> frame, const Request& request) {
    const bool write = request.command == Ata::write;
    const bool extended = request.command != Ata::identify;
    encode_common(frame, request.target, request.source, request.address, Command::ata, request.tag);
    frame[24] = static_cast<std::byte>((extended ? 0x40 : 0) | (write ? 0x01 : 0));
    frame[25] = std::byte{0};
    frame[26] = std::byte{request.sectors};
    frame[27] = static_cast<std::byte>(request.command);
    for (std::size_t i = 0; i < 6; ++i)
        frame[28 + i] = static_cast<std::byte>(request.lba >> (8 * i) & 0xff);
    put_be<std::uint16_t>(frame.subspan(34), 0);
    return write ? std::max(shortest_frame, ata_header_bytes + request.sectors * sector_bytes)
                 : shortest_frame;
}

// A Query Config "read", broadcast to one address.
inline std::size_t encode_query(std::span<std::byte> frame, const Mac& source, Address address,
                                std::uint32_t tag) {
    std::fill_n(frame.begin(), shortest_frame, std::byte{0});
    encode_common(frame, broadcast, source, address, Command::query, tag);
    return shortest_frame;
}

struct Answer {
    Mac source;
    Address address;
    Command command;
    std::uint32_t tag;
    std::uint8_t aoe_error;  // 0: none
    std::uint8_t ata_status; // of an ATA answer
    std::uint8_t ata_error;
    std::uint8_t max_sectors;   // of a Query Config answer
    std::uint16_t buffer_count; // of a Query Config answer

    bool failed() const { return aoe_error != 0 || (command == Command::ata && (ata_status & 0xa9) != 0); }
};

inline std::optional<Answer> decode(std::span<const std::byte> frame) {
    if (frame.size() < query_header_bytes || get_be<std::uint16_t>(frame.subspan(12)) != ether_type)
        return std::nullopt;
    const auto byte = [&](std::size_t at) { return std::to_integer<std::uint8_t>(frame[at]); };
    if ((byte(14) & 0xf8) != 0x18) // version 1, an answer
        return std::nullopt;
    Answer answer{};
    std::memcpy(answer.source.data(), frame.data() + 6, answer.source.size());
    answer.address = {get_be<std::uint16_t>(frame.subspan(16)), byte(18)};
    answer.command = static_cast<Command>(byte(19));
    answer.tag = get_be<std::uint32_t>(frame.subspan(20));
    answer.aoe_error = (byte(14) & 0x04) != 0 ? byte(15) : std::uint8_t{0};
    if (answer.command == Command::query) {
        answer.buffer_count = get_be<std::uint16_t>(frame.subspan(24));
        answer.max_sectors = byte(28);
    } else {
        answer.ata_error = byte(25);
        answer.ata_status = byte(27);
    }
    return answer;
}

// Capacity in sectors from IDENTIFY DEVICE data (words 100-103, little-endian).
inline std::uint64_t identified_sectors(std::span<const std::byte> data) {
    std::uint64_t sectors = 0;
    for (std::size_t i = 8; i-- > 0;)
        sectors = sectors << 8 | std::to_integer<std::uint64_t>(data[200 + i]);
    return sectors;
}

} // namespace bench::wire
