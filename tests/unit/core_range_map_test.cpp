// A trim keeps others off the ranges of its list, and roughly off nothing else.
#include "core/range_map.hpp"
#include "support/catch.hpp"

#include <random>
#include <vector>

using aoetarget::SectorRange;
using aoetarget::core::RangeMap;

TEST_CASE("a map without a list may overlap everything", "[core][trim]") {
    CHECK(RangeMap().may_overlap({0, 1}));
    CHECK(RangeMap().may_overlap({1ULL << 47, 1}));
}

TEST_CASE("the map of a list tells its ranges from the gaps between them", "[core][trim]") {
    const SectorRange span{1000, 640};
    RangeMap map(span);
    map.add({1000, 10});
    map.add({1639, 1});
    CHECK(map.may_overlap({1009, 1}));
    CHECK(map.may_overlap({1639, 1}));
    CHECK(map.may_overlap({0, 1001}));
    CHECK(map.may_overlap({1630, 100'000}));
    CHECK(map.may_overlap(span));
    CHECK_FALSE(map.may_overlap({1010, 620}));
}

TEST_CASE("a range of a list is never missed, whatever the span", "[core][trim]") {
    std::mt19937_64 random(1); // NOLINT: every run is to be the same
    const auto below = [&](std::uint64_t limit) { return random() % limit; };
    for (int round = 0; round < 20'000; ++round) {
        const std::uint64_t size = 1 + below(round % 2 == 0 ? 300 : 1ULL << 47);
        const SectorRange span{below(1ULL << 46), size};
        const auto part_of_span = [&] {
            const std::uint64_t first = below(size);
            return SectorRange{span.first + first, 1 + below(size - first)};
        };
        RangeMap map(span);
        std::vector<SectorRange> list(1 + below(4));
        for (SectorRange& range : list)
            map.add(range = part_of_span());
        const SectorRange asked = part_of_span();
        for (const SectorRange& range : list) {
            if (range.overlaps(asked))
                REQUIRE(map.may_overlap(asked));
        }
    }
}
