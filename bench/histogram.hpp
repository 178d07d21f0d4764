// Latencies in buckets that grow with the value: at most 1.6 % off, fixed memory, no allocation while
// measuring.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace bench {

class Histogram {
  public:
    void add(std::uint64_t value) {
        ++counts_[bucket(value)];
        ++total_;
        sum_ += value;
        largest_ = std::max(largest_, value);
    }

    std::uint64_t total() const { return total_; }
    std::uint64_t largest() const { return largest_; }
    double mean() const {
        return total_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(total_);
    }

    // The value that `share` (0..1) of all values do not exceed.
    std::uint64_t percentile(double share) const {
        const auto rank = static_cast<std::uint64_t>(share * static_cast<double>(total_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen > rank)
                return std::min(upper_bound(i), largest_);
        }
        return largest_;
    }

  private:
    static constexpr unsigned sub_bits = 6;
    static constexpr std::size_t sub_count = std::size_t{1} << sub_bits;
    static constexpr std::size_t bucket_count = (64 - sub_bits + 1) * sub_count;

    static std::size_t bucket(std::uint64_t value) {
        if (value < sub_count)
            return static_cast<std::size_t>(value);
        const auto shift = static_cast<unsigned>(std::bit_width(value)) - sub_bits - 1;
        return (static_cast<std::size_t>(shift) << sub_bits) + static_cast<std::size_t>(value >> shift);
    }

    static std::uint64_t upper_bound(std::size_t index) {
        if (index < sub_count)
            return index;
        const std::size_t shift = (index >> sub_bits) - 1;
        const std::uint64_t leading = sub_count + (index & (sub_count - 1));
        return ((leading + 1) << shift) - 1;
    }

    std::array<std::uint64_t, bucket_count> counts_{};
    std::uint64_t total_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t largest_ = 0;
};

} // namespace bench
