// How long requests take, counted in buckets.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

#pragma GCC visibility push(default)
namespace aoetarget {

/// A histogram of durations with four buckets a decade from 10 microseconds to 10 seconds. Its counters only
/// grow; the difference of two snapshots tells of the time between them.
struct LatencyHistogram {
    /// The longest duration that falls in each bucket but the last, in nanoseconds. What takes longer than
    /// all of them falls in the last.
    static constexpr std::array<std::int64_t, 25> bounds = [] {
        std::array<std::int64_t, 25> all{};
        std::int64_t decade = 10'000;
        for (std::size_t i = 0; i < all.size(); ++i) {
            all[i] = decade * std::array{1, 2, 3, 5}[i % 4];
            decade *= i % 4 == 3 ? 10 : 1;
        }
        return all;
    }();

    std::array<std::uint64_t, bounds.size() + 1> counts{};
    std::chrono::nanoseconds sum{};

    /// Counts one duration. One below zero, which a clock that was set back can bring, counts as zero.
    void add(std::chrono::nanoseconds duration) {
        const std::int64_t length = std::max<std::int64_t>(duration.count(), 0);
        std::size_t bucket = first_bucket[std::bit_width(static_cast<std::uint64_t>(length))];
        while (bucket < bounds.size() && bounds[bucket] < length)
            ++bucket;
        ++counts[bucket];
        sum += std::chrono::nanoseconds(length);
    }
    [[nodiscard]] std::uint64_t count() const {
        std::uint64_t all = 0;
        for (const std::uint64_t count : counts)
            all += count;
        return all;
    }

  private:
    /// By the number of bits of a duration: the first bucket in which one with so many bits can fall.
    static constexpr std::array<std::uint8_t, 65> first_bucket = [] {
        std::array<std::uint8_t, 65> first{};
        for (std::size_t bits = 1; bits < first.size(); ++bits) {
            const std::uint64_t shortest = std::uint64_t{1} << (bits - 1);
            while (first[bits] < bounds.size() && static_cast<std::uint64_t>(bounds[first[bits]]) < shortest)
                ++first[bits];
        }
        return first;
    }();
};

} // namespace aoetarget
#pragma GCC visibility pop
