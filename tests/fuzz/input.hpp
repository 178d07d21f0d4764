// The bytes that a fuzzer chooses, taken from the front. After their end there are only zeros, so that every
// beginning of an input means the same as in the whole.
#pragma once

#include "support/wire.hpp"

#include <algorithm>
#include <span>

namespace aoetest {

class Input {
  public:
    explicit Input(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

    [[nodiscard]] bool empty() const { return rest_.empty(); }

    std::uint8_t byte() {
        if (rest_.empty())
            return 0;
        const std::uint8_t first = rest_.front();
        rest_ = rest_.subspan(1);
        return first;
    }
    /// Big-endian.
    std::uint64_t number(unsigned bytes) {
        std::uint64_t value = 0;
        while (bytes-- > 0)
            value = value << 8 | byte();
        return value;
    }
    /// 0 to limit - 1. The limit is at most 256.
    std::size_t below(std::size_t limit) { return byte() % limit; }
    /// As many as there are, at most `limit`.
    Bytes take(std::size_t limit) {
        const auto taken = rest_.first(std::min(limit, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return {taken.begin(), taken.end()};
    }
    template <typename T, std::size_t size>
    const T& one_of(const T (&choices)[size]) {
        return choices[below(size)];
    }

  private:
    std::span<const std::uint8_t> rest_;
};

} // namespace aoetest
