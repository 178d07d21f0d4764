// IDENTIFY DEVICE word by word (lib/protocol/README.md, "IDENTIFY").
#include "protocol/identify.hpp"
#include "support/catch.hpp"
#include "support/wire.hpp"

#include <map>
#include <numeric>
#include <set>

using namespace aoetarget::protocol;
using aoetarget::Geometry;
using aoetest::Identify;

namespace {

aoetest::Bytes identify_bytes(const Identity& identity) {
    aoetest::Bytes data(512, 0xEE);
    write_identify(std::as_writable_bytes(std::span(data)), identity);
    return data;
}

Identify identify(const Identity& identity) {
    return Identify(identify_bytes(identity));
}

Identity plain(std::uint64_t sectors = 2048) {
    Identity identity{"SERIAL", "MODEL", "1.0", {}};
    identity.geometry.sectors = sectors;
    return identity;
}

} // namespace

TEST_CASE("IDENTIFY of a plain disk has the recommended value in every word", "[identify]") {
    const Identify data = identify(plain(1ULL << 30));
    const std::map<unsigned, unsigned> expected{
        {0, 0x0040},   {1, 16383},    {3, 16},       {6, 63},       {47, 0x8000},  {48, 0x4000}, {49, 0x0300},
        {50, 0x4000},  {53, 0x0007},  {54, 16383},   {55, 16},      {56, 63},      {57, 0xFC10}, {58, 0x00FB},
        {60, 0xFFFF},  {61, 0x0FFF},  {63, 0x0007},  {64, 0x0003},  {65, 120},     {66, 120},    {67, 120},
        {68, 120},     {80, 0x03F0},  {82, 0x4008},  {83, 0x7400},  {84, 0x4140},  {85, 0x4008}, {86, 0xB400},
        {87, 0x4140},  {88, 0x203F},  {93, 0x400B},  {100, 0},      {101, 0x4000}, {102, 0},     {103, 0},
        {106, 0x4000}, {119, 0x4000}, {120, 0x4000}, {209, 0x4000}, {217, 0},
    };
    std::set<unsigned> elsewhere; // tested below
    for (const auto& [first, last] : {std::pair(10u, 19u), {23u, 46u}, {108u, 111u}, {255u, 255u}}) {
        for (unsigned word = first; word <= last; ++word)
            elsewhere.insert(word);
    }
    for (unsigned word = 0; word < 256; ++word) {
        if (elsewhere.contains(word))
            continue;
        const auto found = expected.find(word);
        CAPTURE(word);
        CHECK(data.words[word] == (found != expected.end() ? found->second : 0U));
    }
}

TEST_CASE("all bytes of IDENTIFY add up to zero behind the signature", "[identify]") {
    Identity identity = plain();
    identity.serial = GENERATE("", "A", "B", "12345678901234567890");
    const aoetest::Bytes data = identify_bytes(identity);
    CHECK(data[510] == 0xA5);
    CHECK(std::accumulate(data.begin(), data.end(), 0U) % 256 == 0);
}

TEST_CASE("texts are byte-swapped, padded with spaces and cut", "[identify]") {
    Identity identity = plain();
    const aoetest::Bytes data = identify_bytes(identity);
    CHECK(data[20] == 'E'); // word 10: the first character lies in the high byte
    CHECK(data[21] == 'S');
    CHECK(data[38] == ' ');
    CHECK(data[39] == ' ');
    const Identify words(data);
    CHECK(words.text(10, 19) == "SERIAL");
    CHECK(words.text(23, 26) == "1.0");
    CHECK(words.text(27, 46) == "MODEL");

    identity.serial = "123456789012345678901234";
    identity.firmware = "123456789";
    identity.model = "1234567890123456789012345678901234567890X";
    const Identify cut = identify(identity);
    CHECK(cut.text(10, 19) == "12345678901234567890");
    CHECK(cut.text(23, 26) == "12345678");
    CHECK(cut.text(27, 46) == "1234567890123456789012345678901234567890");
    CHECK(cut.words[47] == 0x8000);
}

TEST_CASE("IDENTIFY gives the capacity in 28 bits as far as they reach, and in 48", "[identify]") {
    struct Row {
        std::uint64_t sectors, lba28;
    };
    const auto row = GENERATE(values<Row>({{1, 1},
                                           {2048, 2048},
                                           {0x0FFFFFFE, 0x0FFFFFFE},
                                           {0x0FFFFFFF, 0x0FFFFFFF},
                                           {0x10000000, 0x0FFFFFFF},
                                           {(1ULL << 48) - 1, 0x0FFFFFFF}}));
    const Identify data = identify(plain(row.sectors));
    CHECK(data.sectors_28() == row.lba28);
    CHECK(data.sectors_48() == row.sectors);
    CHECK(data.words[103] == 0);
}

TEST_CASE("a small disk has the cylinders it has", "[identify]") {
    const Identify data = identify(plain(16 * 63 * 100 + 17));
    CHECK(data.words[1] == 100);
    CHECK(data.words[54] == 100);
    CHECK((data.words[57] | data.words[58] << 16) == 16 * 63 * 100);
}

TEST_CASE("IDENTIFY reports the write cache as supported and as enabled", "[identify]") {
    Identity identity = plain();
    identity.geometry.volatile_cache = GENERATE(false, true);
    identity.write_cache_enabled = GENERATE(false, true);
    const Identify data = identify(identity);
    CAPTURE(identity.geometry.volatile_cache, identity.write_cache_enabled);
    CHECK(data.bit(82, 5) == identity.geometry.volatile_cache);
    CHECK(data.bit(85, 5) == (identity.geometry.volatile_cache && identity.write_cache_enabled));
}

TEST_CASE("IDENTIFY announces trim where the device discards", "[identify]") {
    Identity identity = plain();
    identity.geometry.discard = GENERATE(false, true);
    identity.geometry.discard_zeroes = GENERATE(false, true);
    identity.geometry.read_only = GENERATE(false, true);
    identity.max_dsm_sectors = 5;
    const bool trims = identity.geometry.discard && !identity.geometry.read_only;
    const Identify data = identify(identity);
    CHECK(data.words[169] == (trims ? 1 : 0));
    CHECK(data.words[105] == (trims ? 5 : 0));
    CHECK(data.words[69] == (trims && identity.geometry.discard_zeroes ? 0x4020 : 0));
}

TEST_CASE("IDENTIFY gives the physical block, and the logical one is always a sector", "[identify]") {
    struct Row {
        std::uint32_t logical, physical, offset;
        unsigned word_106, word_209;
    };
    const auto row = GENERATE(values<Row>({{512, 512, 0, 0x4000, 0x4000},
                                           {512, 4096, 0, 0x6003, 0x4000},
                                           {512, 4096, 7, 0x6003, 0x4007},
                                           {4096, 4096, 0, 0x6003, 0x4000},
                                           {512, 1024, 0, 0x6001, 0x4000},
                                           {4096, 65536, 0, 0x6007, 0x4000}}));
    Identity identity = plain();
    identity.geometry.logical_block_bytes = row.logical;
    identity.geometry.physical_block_bytes = row.physical;
    identity.geometry.physical_offset_sectors = row.offset;
    const Identify data = identify(identity);
    CHECK(data.words[106] == row.word_106);
    CHECK(data.words[209] == row.word_209);
    CHECK(data.words[117] == 0);
    CHECK(data.words[118] == 0);
}

TEST_CASE("the rotation rate is the device's", "[identify]") {
    Identity identity = plain();
    identity.geometry.rotation_rate = GENERATE(std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{7200});
    CHECK(identify(identity).words[217] == identity.geometry.rotation_rate);
}

TEST_CASE("the World Wide Name is derived from the serial number and nothing else", "[identify]") {
    const std::uint64_t name = wwn_of("SERIAL");
    CHECK(name >> 60 == 3); // locally assigned
    CHECK(name != wwn_of("SERIAM"));
    Identity identity = plain();
    const auto wwn = [&] {
        const Identify data = identify(identity);
        return std::uint64_t{data.words[108]} << 48 | std::uint64_t{data.words[109]} << 32 |
               std::uint64_t{data.words[110]} << 16 | data.words[111];
    };
    CHECK(wwn() == name);
    identity.model = "another";
    identity.geometry.sectors = 1;
    CHECK(wwn() == name);
}

TEST_CASE("the hash behind serial numbers is FNV-1a on every machine", "[identify]") {
    CHECK(fnv1a("") == 0xCBF29CE484222325ULL);
    CHECK(fnv1a("a") == 0xAF63DC4C8601EC8CULL);
    CHECK(fnv1a("foobar") == 0x85944171F73967E8ULL);
}

TEST_CASE("a summary is read back as Linux would read it", "[identify]") {
    aoetest::Bytes data = identify_bytes(plain(1ULL << 40));
    const auto parse = [&] { return IdentifySummary::parse(std::as_bytes(std::span(data))); };
    CHECK(parse().sectors == 1ULL << 40);
    CHECK(std::string(parse().serial.data(), 20) == "SERIAL              ");
    CHECK(std::string(parse().model.data(), 5) == "MODEL");
    data[167] = data[173] = 0; // no LBA48 in words 83 and 86
    CHECK(parse().sectors == 0x0FFFFFFF);
    data[173] = 0x04; // either will do
    CHECK(parse().sectors == 1ULL << 40);
}
