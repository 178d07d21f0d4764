// Exports of one file that would destroy each other's data.
#include "catch.hpp"

#include "service/rivals.hpp"

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace {

bool are_refused(const std::vector<cli::ExportSpec>& specs) {
    try {
        cli::refuse_rivals(specs);
    } catch (const std::runtime_error&) {
        return true;
    }
    return false;
}

cli::ExportSpec part(const std::string& path, unsigned slot, std::uint64_t offset, std::uint64_t length,
                     bool read_only) {
    cli::ExportSpec spec;
    spec.path = path;
    spec.options.address = {static_cast<std::uint16_t>(slot / 255), static_cast<std::uint8_t>(slot % 255)};
    spec.file.read_only = read_only;
    spec.file.offset_bytes = offset;
    spec.file.length_bytes = length;
    return spec;
}

/// By the definition, pair by pair.
bool are_rivals(const std::vector<cli::ExportSpec>& specs) {
    const auto end = [](const cli::ExportSpec& spec) {
        return spec.file.length_bytes == 0 ? std::numeric_limits<std::uint64_t>::max()
                                           : spec.file.offset_bytes + spec.file.length_bytes;
    };
    for (const cli::ExportSpec& one : specs) {
        for (const cli::ExportSpec& other : specs) {
            if (&one != &other && !(one.file.read_only && other.file.read_only) &&
                one.file.offset_bytes < end(other) && other.file.offset_bytes < end(one))
                return true;
        }
    }
    return false;
}

} // namespace

TEST_CASE("two exports of the same part are refused by their addresses, unless both only read", "[cli]") {
    const std::string file = "/proc/self/exe", same = "/proc/self/../self/exe";
    CHECK_THROWS_WITH(cli::refuse_rivals({part(file, 1, 0, 0, false), part(same, 2, 512, 512, false)}),
                      Catch::Contains("e0.1 and e0.2: both take the same part of"));
    CHECK(are_refused({part(file, 1, 0, 0, true), part(same, 2, 0, 0, false)}));
    CHECK_FALSE(are_refused({part(file, 1, 0, 0, true), part(same, 2, 0, 0, true)}));
    CHECK_FALSE(are_refused({part(file, 1, 0, 512, false), part(same, 2, 512, 512, false)}));
    CHECK_FALSE(are_refused({part(file, 1, 0, 0, false), part("/proc/self/maps", 2, 0, 0, false)}));
    CHECK_FALSE(are_refused({part("/none", 1, 0, 0, false), part("/none", 2, 0, 0, false)}));
}

TEST_CASE("parts of one file are refused exactly if two of them overlap and one writes", "[cli]") {
    unsigned refused = 0;
    for (unsigned seed = 0; seed < 2000; ++seed) {
        std::mt19937 random(seed);
        std::vector<cli::ExportSpec> specs;
        for (unsigned i = 0; i < 2 + seed % 4; ++i)
            specs.push_back(
                part("/proc/self/exe", i, 512 * (random() % 20), 512 * (random() % 6), random() % 2 == 0));
        INFO("seed " << seed);
        REQUIRE(are_refused(specs) == are_rivals(specs));
        refused += are_refused(specs) ? 1 : 0;
    }
    CHECK(refused > 200);
    CHECK(refused < 1800);
}
