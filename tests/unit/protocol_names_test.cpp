// Addresses, MAC addresses and ranges of sectors: text in, text out, and arithmetic that cannot overflow.
#include "catch.hpp"

#include <aoetarget/address.hpp>

using aoetarget::Address;
using aoetarget::MacAddress;
using aoetarget::MacPattern;
using aoetarget::SectorRange;

TEST_CASE("an AoE address is read with or without the e", "[address]") {
    CHECK(Address::parse("1.2") == Address{1, 2});
    CHECK(Address::parse("e1.2") == Address{1, 2});
    CHECK(Address::parse("0.0") == Address{0, 0});
    CHECK(Address::parse("65534.254") == Address{65534, 254});
}

TEST_CASE("a text that is no AoE address is refused", "[address]") {
    const std::string text = GENERATE("", "e", ".", "1", "1.", ".1", "1.2.3", "65535.1", "1.255", "65536.0",
                                      "0.256", "-1.2", "+1.2", " 1.2", "1.2 ", "1. 2", "0x1.2", "E1.2",
                                      "ee1.2", "1,2", "4294967297.1", "99999999999999999999.1");
    CAPTURE(text);
    CHECK_FALSE(Address::parse(text));
}

TEST_CASE("an AoE address prints as Linux names the device", "[address]") {
    CHECK(to_string(Address{1, 2}) == "e1.2");
    CHECK(to_string(Address{65534, 254}) == "e65534.254");
}

TEST_CASE("AoE addresses are ordered by shelf, then slot", "[address]") {
    CHECK(Address{1, 254} < Address{2, 0});
    CHECK(Address{2, 0} < Address{2, 1});
}

TEST_CASE("a MAC address is read with or without colons, in either case", "[address]") {
    const MacAddress mac{{0x02, 0x00, 0xAB, 0xCD, 0xEF, 0x19}};
    CHECK(MacAddress::parse("02:00:ab:cd:ef:19") == mac);
    CHECK(MacAddress::parse("02:00:AB:CD:EF:19") == mac);
    CHECK(MacAddress::parse("0200abcdef19") == mac);
    CHECK(MacAddress::parse("0200ABCDEF19") == mac);
    CHECK(to_string(mac) == "02:00:ab:cd:ef:19");
}

TEST_CASE("a text that is no MAC address is refused", "[address]") {
    const std::string text =
        GENERATE("", "02:00:ab:cd:ef", "02:00:ab:cd:ef:1", "02:00:ab:cd:ef:19:", "02-00-ab-cd-ef-19",
                 "02:00:ab:cd:ef:1g", "0200abcdef1", "0200abcdef1g", "0200abcdef199", "02:00:ab:cd:ef;19",
                 "-2:00:ab:cd:ef:19", "+2:00:ab:cd:ef:19", " 2:00:ab:cd:ef:19", "0x:00:ab:cd:ef:19");
    CAPTURE(text);
    CHECK_FALSE(MacAddress::parse(text));
}

TEST_CASE("a pattern is a MAC address, or its first bytes and an asterisk", "[address]") {
    const MacAddress mac{{0x52, 0x54, 0, 0, 0, 1}}, other{{0x52, 0x55, 0, 0, 0, 1}};
    struct Case {
        std::string text;
        bool is_exact, has_other;
    };
    const Case cases[] = {{"52:54:00:00:00:01", true, false},
                          {"525400000001", true, false},
                          {"52:54:00:00:00:*", false, false},
                          {"5254*", false, false},
                          {"52:54:*", false, false},
                          {"52*", false, true},
                          {"52:*", false, true},
                          {"*", false, true}};
    for (const auto& [text, is_exact, has_other] : cases) {
        CAPTURE(text);
        const auto pattern = MacPattern::parse(text);
        REQUIRE(pattern);
        CHECK(pattern->is_exact() == is_exact);
        CHECK(pattern->matches(mac));
        CHECK(pattern->matches(other) == has_other);
    }
    for (const std::string bad : {"", "52:5*", "5*", "52:54*", "52::*", ":*", "52:54:00:00:00:01:*",
                                  "525400000001*", "**", "52:*:00", "5g*", "*52"}) {
        CAPTURE(bad);
        CHECK_FALSE(MacPattern::parse(bad));
    }
}

TEST_CASE("broadcast and multicast addresses are distinguished from those of one host", "[address]") {
    CHECK(MacAddress::broadcast().is_multicast());
    CHECK(MacAddress{{0x01, 0, 0x5E, 0, 0, 1}}.is_multicast());
    CHECK_FALSE(MacAddress{}.is_multicast());
    CHECK_FALSE(MacAddress{{0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}}.is_multicast());
}

TEST_CASE("ranges overlap where they have a sector in common", "[address]") {
    struct Row {
        SectorRange one, other;
        bool overlap;
    };
    const auto row = GENERATE(values<Row>({{{0, 8}, {8, 8}, false},
                                           {{0, 8}, {7, 1}, true},
                                           {{0, 8}, {0, 8}, true},
                                           {{2, 2}, {0, 8}, true},
                                           {{0, 0}, {0, 8}, false},
                                           {{4, 0}, {5, 1}, false},
                                           {{0, 1}, {1ULL << 40, 1}, false}}));
    CAPTURE(row.one.first, row.one.count, row.other.first, row.other.count);
    CHECK(row.one.overlaps(row.other) == row.overlap);
    CHECK(row.other.overlaps(row.one) == row.overlap);
}

TEST_CASE("a range contains the ranges that lie in it", "[address]") {
    CHECK(SectorRange{4, 4}.contains({4, 4}));
    CHECK(SectorRange{4, 4}.contains({5, 2}));
    CHECK_FALSE(SectorRange{4, 4}.contains({3, 2}));
    CHECK_FALSE(SectorRange{4, 4}.contains({7, 2}));
}

TEST_CASE("whether a range fits is decided without overflow", "[address]") {
    constexpr std::uint64_t most = ~0ULL;
    CHECK(SectorRange{0, 100}.fits(100));
    CHECK(SectorRange{99, 1}.fits(100));
    CHECK(SectorRange{100, 0}.fits(100));
    CHECK_FALSE(SectorRange{100, 1}.fits(100));
    CHECK_FALSE(SectorRange{101, 0}.fits(100));
    CHECK_FALSE(SectorRange{1, most}.fits(100));
    CHECK_FALSE(SectorRange{most, 1}.fits(100));
    CHECK_FALSE(SectorRange{most - 1, 2}.fits(most - 1));
}
