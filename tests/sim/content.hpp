// What is in a sector: which write put it there and where it belongs, in every word of it.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

namespace aoesim {

/// A write, and the value that it gives to each of its sectors. 0: what the disk held at first.
using WriteId = std::uint64_t;

inline constexpr std::size_t words_per_sector = 64;

/// `data`: 512 bytes.
inline void fill_sector(std::uint8_t* data, WriteId write, std::uint64_t sector) {
    std::uint64_t words[words_per_sector];
    for (std::uint64_t i = 0; i < words_per_sector; ++i)
        words[i] = write == 0 ? 0 : (write << 32 | sector << 8) + i;
    std::memcpy(data, words, sizeof words);
}

/// Empty where the sector is not as one write left it.
inline std::optional<WriteId> write_of(const std::uint8_t* data, std::uint64_t sector) {
    std::uint64_t words[words_per_sector];
    std::memcpy(words, data, sizeof words);
    const WriteId write = words[0] >> 32;
    for (std::uint64_t i = 0; i < words_per_sector; ++i) {
        if (words[i] != (write == 0 ? 0 : (write << 32 | sector << 8) + i))
            return std::nullopt;
    }
    return write;
}

} // namespace aoesim
