// The content of a sector: every word tells which write put it there and where it belongs.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

namespace aoesim {

/// A write, and the value that it gives to each of its sectors. 0: what the disk held at first.
using WriteId = std::uint64_t;

inline constexpr std::size_t words_per_sector = 64;

/// What the first and the last word of a sector hold.
enum class Edges : std::uint8_t {
    own,   ///< The same as all the others.
    plain, ///< What they hold for all writes of the sector, so that writes differ only between them.
};

/// A part of the last word says nothing where edges are plain: a write can be made to look like another.
inline constexpr std::uint64_t free_bits = 0xFFFFF;

inline std::uint64_t word_of(WriteId write, std::uint64_t sector, std::size_t number) {
    return write == 0 ? 0 : (write << 32 | sector << 8) + number;
}
inline std::uint64_t plain_edge(std::uint64_t sector) {
    return 0xED6E000000000000 | sector << 24;
}

/// `data`: 512 bytes.
inline void fill_sector(std::uint8_t* data, WriteId write, std::uint64_t sector, Edges edges = Edges::own) {
    std::uint64_t words[words_per_sector];
    for (std::uint64_t i = 0; i < words_per_sector; ++i)
        words[i] = word_of(write, sector, i);
    if (edges == Edges::plain)
        words[0] = words[words_per_sector - 1] = plain_edge(sector);
    std::memcpy(data, words, sizeof words);
}

/// Empty where the sector is not as one write left it.
inline std::optional<WriteId> write_of(const std::uint8_t* data, std::uint64_t sector) {
    constexpr std::size_t last = words_per_sector - 1;
    std::uint64_t words[words_per_sector];
    std::memcpy(words, data, sizeof words);
    const WriteId write = words[1] >> 32;
    for (std::uint64_t i = 1; i < last; ++i) {
        if (words[i] != word_of(write, sector, i))
            return std::nullopt;
    }
    const bool own = words[0] == word_of(write, sector, 0) && words[last] == word_of(write, sector, last);
    const bool plain = words[0] == plain_edge(sector) && (words[last] & ~free_bits) == plain_edge(sector);
    return own || (plain && write != 0) ? std::optional(write) : std::nullopt;
}

} // namespace aoesim
