// The data that --verify writes: each sector names its LBA and the generation of the write, and every other
// word of it follows from these and the seed. So a read shows whether it is the right sector, the right
// write, and all of it.
#pragma once

#include "wire.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace bench {

// One step of SplitMix64: a good 64-bit mix, and with a counter a good generator.
inline std::uint64_t mix(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9U;
    value = (value ^ value >> 27) * 0x94d049bb133111ebU;
    return value ^ value >> 31;
}

class Pattern {
  public:
    explicit Pattern(std::uint64_t seed) : seed_(mix(seed)) {}

    void fill(std::span<std::byte> data, std::uint64_t lba, std::uint32_t generation) const {
        for (std::size_t at = 0; at + wire::sector_bytes <= data.size(); at += wire::sector_bytes, ++lba) {
            const Sector sector = make(lba, generation);
            std::memcpy(data.data() + at, sector.data(), wire::sector_bytes);
        }
    }

    // The generation that a sector carries, or 0 where it is not one of ours for this LBA.
    std::uint32_t generation(std::span<const std::byte> data, std::uint64_t lba) const {
        std::array<std::uint64_t, 2> head{};
        std::memcpy(head.data(), data.data(), sizeof head);
        if (head[0] != lba || head[1] == 0 || head[1] > UINT32_MAX)
            return 0;
        const auto generation = static_cast<std::uint32_t>(head[1]);
        const Sector expected = make(lba, generation);
        return std::memcmp(expected.data(), data.data(), wire::sector_bytes) == 0 ? generation : 0;
    }

  private:
    using Sector = std::array<std::uint64_t, wire::sector_bytes / sizeof(std::uint64_t)>;

    Sector make(std::uint64_t lba, std::uint32_t generation) const {
        Sector sector{};
        const std::uint64_t base = mix(seed_ ^ mix(lba) ^ mix(~std::uint64_t{generation}));
        for (std::size_t i = 2; i < sector.size(); ++i)
            sector[i] = (base + i) * 0x9e3779b97f4a7c15U;
        sector[0] = lba;
        sector[1] = generation;
        return sector;
    }

    std::uint64_t seed_;
};

} // namespace bench
