// Computes the sums of an NH hash over a change, and makes numbers of them.
#include "core/content_hash.hpp"

#include <algorithm>
#include <cstring>

namespace aoetarget::core {
namespace {

std::uint64_t load(const std::byte* word) {
    std::uint64_t value = 0;
    std::memcpy(&value, word, sizeof value);
    return value;
}

} // namespace

ContentHash::ContentHash(std::uint64_t seed) {
    const auto draw = [&seed](std::span<std::uint64_t> keys) {
        for (std::uint64_t& key : keys) { // SplitMix64
            key = seed += 0x9E3779B97F4A7C15ULL;
            key = (key ^ key >> 30) * 0xBF58476D1CE4E5B9ULL;
            key = (key ^ key >> 27) * 0x94D049BB133111EBULL;
            key ^= key >> 31;
        }
    };
    draw(header_keys_);
    draw(first_keys_);
    draw(last_keys_);
    draw(data_keys_);
    draw(spreading_keys_);
}

/// Two different sums become any two numbers with equal probability.
std::uint64_t ContentHash::spread(Sum sum) const {
    const auto key = [this](std::size_t at) {
        return Sum{spreading_keys_[at]} << 64 | spreading_keys_[at + 1];
    };
    return static_cast<std::uint64_t>((key(0) * static_cast<std::uint64_t>(sum) +
                                       key(2) * static_cast<std::uint64_t>(sum >> 64) + key(4)) >>
                                      64);
}

std::uint64_t ContentHash::content_of(const Request& change) const {
    const std::uint64_t form = change.range.count << 16 | std::uint64_t{change.registers.count} << 8 |
                               change.registers.command_or_status;
    Sum sum = Sum{change.range.first + header_keys_[0]} * (form + header_keys_[1]);
    const std::byte* data = change.payload().data();
    for (std::size_t sector = 0; sector < change.registers.count; ++sector, data += sector_bytes)
        sum += Sum{load(data) + first_keys_[sector]} *
               (load(data + sector_bytes - sizeof(std::uint64_t)) + last_keys_[sector]);
    return spread(sum);
}

std::uint32_t ContentHash::digest_of(const Request& change) const {
    Sum sum = 0;
    const std::byte* data = change.payload().data();
    for (std::size_t sector = 0; sector < change.registers.count; ++sector) {
        Sum of_sector = 0;
        for (std::size_t word = 0; word < sector_words; word += 2, data += 2 * sizeof(std::uint64_t))
            of_sector += Sum{load(data) + data_keys_[word]} *
                         (load(data + sizeof(std::uint64_t)) + data_keys_[word + 1]);
        sum += Sum{static_cast<std::uint64_t>(of_sector) + first_keys_[sector]} *
               (static_cast<std::uint64_t>(of_sector >> 64) + last_keys_[sector]);
    }
    return std::max(static_cast<std::uint32_t>(spread(sum)), std::uint32_t{1});
}

} // namespace aoetarget::core
