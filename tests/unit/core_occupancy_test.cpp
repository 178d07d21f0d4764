// A table that is much smaller than an export tells whether an operation is near a request.
#include "core/occupancy.hpp"
#include "support/catch.hpp"

#include <random>
#include <vector>

using aoetarget::SectorRange;
using aoetarget::core::Occupancy;

namespace {

constexpr Occupancy::Export disk = 0;

bool touches(const SectorRange& one, const SectorRange& other) {
    return one.first <= other.end() && other.first <= one.end();
}

} // namespace

TEST_CASE("an operation is near sectors that it overlaps and sectors that it borders on",
          "[core][occupancy]") {
    Occupancy occupancy;
    occupancy.add(disk, {1024, 8});
    CHECK(occupancy.is_near(disk, {1024, 8}));
    CHECK(occupancy.is_near(disk, {1020, 4}));
    CHECK(occupancy.is_near(disk, {1032, 1}));
    CHECK(occupancy.is_near(disk, {0, 1'000'000}));
    CHECK_FALSE(occupancy.is_near(disk, {0, 8}));
    CHECK_FALSE(occupancy.is_near(disk, {4096, 8}));

    occupancy.add(disk, {1024, 8});
    occupancy.remove(disk, {1024, 8});
    CHECK(occupancy.is_near(disk, {1024, 8}));
    occupancy.remove(disk, {1024, 8});
    CHECK_FALSE(occupancy.is_near(disk, {1024, 8}));
}

TEST_CASE("operations at the border of a region are near their neighbours in the next", "[core][occupancy]") {
    Occupancy occupancy;
    for (std::uint64_t border = 256; border < 256 * 64; border += 256) {
        occupancy.add(disk, {border - 2, 2});
        CHECK(occupancy.is_near(disk, {border, 2}));
        occupancy.remove(disk, {border - 2, 2});
        occupancy.add(disk, {border, 2});
        CHECK(occupancy.is_near(disk, {border - 2, 2}));
        occupancy.remove(disk, {border, 2});
    }
}

TEST_CASE("an operation on most of a device, and one on no sector, are where they are", "[core][occupancy]") {
    Occupancy occupancy;
    const std::uint64_t end = std::uint64_t{1} << 48;
    occupancy.add(disk, {0, end});
    CHECK(occupancy.is_near(disk, {end - 2, 2}));
    occupancy.remove(disk, {0, end});
    CHECK_FALSE(occupancy.is_near(disk, {end - 2, 2}));

    occupancy.add(disk, {0, 0});
    CHECK(occupancy.is_near(disk, {0, 2}));
    occupancy.add(disk, {256, 0});
    CHECK(occupancy.is_near(disk, {250, 6}));
    CHECK(occupancy.is_near(disk, {256, 1}));
    CHECK_FALSE(occupancy.is_near(disk, {end - 2, 2}));
}

TEST_CASE("an operation is near nothing on another export", "[core][occupancy]") {
    Occupancy occupancy;
    const Occupancy::Export one = occupancy.add_export();
    const Occupancy::Export other = occupancy.add_export();
    occupancy.add(one, {0, 8});
    CHECK(occupancy.is_near(one, {0, 8}));
    CHECK_FALSE(occupancy.is_near(other, {0, 8}));
    occupancy.remove(one, {0, 8});
    occupancy.add(other, {0, 8});
    CHECK_FALSE(occupancy.is_near(one, {0, 8}));
    CHECK(occupancy.is_near(other, {0, 8}));
}

TEST_CASE("no operation that is near is missed, and one that is not near is seldom taken for it",
          "[core][occupancy]") {
    std::mt19937_64 random(7); // NOLINT(cert-msc51-cpp): each run the same
    Occupancy occupancy;
    std::vector<SectorRange> operations;
    const std::uint64_t sectors = GENERATE(std::uint64_t{2'000}, std::uint64_t{1'000'000'000});
    const auto any_range = [&] {
        const std::uint64_t most = sectors < 10'000 && random() % 50 == 0 ? 4000 : 16;
        return SectorRange{random() % sectors, random() % most};
    };
    int missed = 0;
    int mistaken = 0;
    for (int turn = 0; turn < 50'000; ++turn) {
        if (operations.size() == 64) {
            std::swap(operations[random() % operations.size()], operations.back());
            occupancy.remove(disk, operations.back());
            operations.pop_back();
        }
        operations.push_back(any_range());
        occupancy.add(disk, operations.back());
        const SectorRange range{random() % sectors, 1 + random() % 16};
        bool expected = false;
        for (const SectorRange& operation : operations)
            expected = expected || touches(operation, range);
        const bool is_near = occupancy.is_near(disk, range);
        missed += expected && !is_near ? 1 : 0;
        mistaken += is_near && !expected ? 1 : 0;
    }
    CHECK(missed == 0);
    if (sectors > 10'000)
        CHECK(mistaken < 50'000 / 10);

    for (const SectorRange& operation : operations)
        occupancy.remove(disk, operation);
    CHECK_FALSE(occupancy.is_near(disk, {0, 2}));
}
