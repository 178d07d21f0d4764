// Random numbers that are the same everywhere for the same seed (those of <random>'s distributions are not).
#pragma once

#include <cstdint>

namespace aoesim {

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    /// SplitMix64.
    std::uint64_t next() {
        std::uint64_t word = state_ += 0x9E3779B97F4A7C15ULL;
        word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9ULL;
        word = (word ^ word >> 27) * 0x94D049BB133111EBULL;
        return word ^ word >> 31;
    }
    /// 0 to limit - 1; the bias is irrelevant for small limits.
    std::uint64_t below(std::uint64_t limit) { return next() % limit; }
    /// Both included.
    std::uint64_t between(std::uint64_t least, std::uint64_t most) { return least + below(most - least + 1); }
    bool chance(double probability) { return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability; }
    /// Most of the time nothing, so that seeds differ in kind; at most `most`.
    double rarely(double most) { return chance(0.5) ? 0 : most * static_cast<double>(below(1000)) / 1000; }
    /// One that depends on this one only by its beginning.
    Random fork() { return Random(next()); }

  private:
    std::uint64_t state_;
};

} // namespace aoesim
