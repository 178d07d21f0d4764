// Writes that the target's history of writes finds hard to tell apart.
#pragma once

#include "content.hpp"

#include <aoetarget/address.hpp>

#include <span>

namespace aoesim {

/// The history keeps what it remembers in so many lists, chosen by its content.
inline constexpr std::uint64_t history_buckets = 4096;

/// As WriteHistory computes it: whoever knows how can do this.
class Content {
  public:
    Content(const aoetarget::SectorRange& range, std::uint8_t command, std::span<const std::uint8_t> data)
        : sum_(range.first << 16 ^ range.count << 8 ^ command) {
        std::uint64_t multiplier = factor;
        for (std::size_t at = 0; at < data.size(); at += 512, multiplier += 2 * factor)
            sum_ += word(data, at) * multiplier + word(data, at + 504) * (multiplier ^ last_word);
    }
    /// If the last word of the first sector were greater by `more`.
    [[nodiscard]] std::uint64_t bucket(std::uint64_t more) const {
        const std::uint64_t sum = (sum_ + more * (factor ^ last_word)) * factor;
        return (sum ^ sum >> 32) % history_buckets;
    }

  private:
    static constexpr std::uint64_t factor = 0x9E3779B97F4A7C15ULL, last_word = 0xFFFF0000;

    static std::uint64_t word(std::span<const std::uint8_t> data, std::size_t at) {
        std::uint64_t value = 0;
        std::memcpy(&value, &data[at], sizeof value);
        return value;
    }

    std::uint64_t sum_;
};

/// Changes the data, which has plain edges, so that the write falls into this bucket.
inline void collide(std::span<std::uint8_t> data, const aoetarget::SectorRange& range, std::uint8_t command,
                    std::uint64_t bucket) {
    const Content content(range, command, data);
    std::uint64_t more = 0;
    while (more < free_bits && content.bucket(more) != bucket)
        ++more;
    const std::uint64_t last = plain_edge(range.first) + more;
    std::memcpy(&data[504], &last, sizeof last);
}

} // namespace aoesim
