// Numbers that stand for the content of a change. They depend on keys that nobody on the network knows, so
// nobody can make contents that share a number on purpose, and no habit of hosts makes them.
//
// The sum is an NH hash, as that of UMAC, of words of 64 bits, and the end is multilinear: two contents that
// differ in the hashed parts have the same number with a probability of at most 2^-63, and the same digest
// with one of less than 2^-31.
#pragma once

#include "core/request.hpp"

#include <limits>

namespace aoetarget::core {

/// All exports of a target share one. It is constant once it is made.
class ContentHash {
  public:
    /// The keys come from `seed`.
    explicit ContentHash(std::uint64_t seed);

    /// Returns a hash of the sectors of a change, its command, and the first and the last eight bytes of each
    /// sector: to read all of the data would cost more than to serve it. All bits of the number are equally
    /// good.
    [[nodiscard]] std::uint64_t content_of(const Request& change) const;
    /// Returns a hash of all data that came with a change; never 0.
    [[nodiscard]] std::uint32_t digest_of(const Request& change) const;

  private:
    __extension__ using Sum = unsigned __int128;
    static constexpr std::size_t sector_words = sector_bytes / sizeof(std::uint64_t);
    static constexpr std::size_t max_sectors = std::numeric_limits<std::uint8_t>::max();

    [[nodiscard]] std::uint64_t spread(Sum sum) const;

    std::array<std::uint64_t, 2> header_keys_;
    std::array<std::uint64_t, max_sectors> first_keys_; ///< Two words for each sector.
    std::array<std::uint64_t, max_sectors> last_keys_;
    std::array<std::uint64_t, sector_words> data_keys_; ///< One for each word within a sector.
    std::array<std::uint64_t, 6> spreading_keys_;
};

} // namespace aoetarget::core
