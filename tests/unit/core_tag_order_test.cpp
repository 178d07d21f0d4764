// Which of two tags a Linux host has sent first, and what a set of tags still knows of each.
#include "core/tag_order.hpp"
#include "support/catch.hpp"

#include <random>
#include <vector>

using aoetarget::core::is_older_tag;
using aoetarget::core::TagSet;

namespace {

constexpr std::uint32_t linux_tag(unsigned transmission, unsigned jiffies) {
    return (transmission & 0x7FFF) << 16 | (jiffies & 0xFFFF);
}

} // namespace

TEST_CASE("a Linux tag is older by its time, and within a jiffy by its counter", "[core][stale]") {
    const auto sent_first = [](std::uint32_t tag, std::uint32_t other) {
        CHECK_FALSE(is_older_tag(other, tag));
        return is_older_tag(tag, other);
    };
    CHECK(sent_first(linux_tag(7, 100), linux_tag(8, 100)));
    CHECK(sent_first(linux_tag(0x7FFF, 100), linux_tag(0, 100)));
    CHECK(sent_first(linux_tag(7, 0xFFFF), linux_tag(8, 0)));
    CHECK(sent_first(linux_tag(7, 0), linux_tag(7, 2000)));
    // The counter has come half round, or wholly.
    CHECK(sent_first(linux_tag(0, 100), linux_tag(20000, 500)));
    CHECK(sent_first(linux_tag(7, 100), linux_tag(7, 101)));
    CHECK(sent_first(linux_tag(7, 100), linux_tag(6, 101)));

    CHECK_FALSE(sent_first(linux_tag(7, 100), linux_tag(7, 100)));
    CHECK_FALSE(sent_first(linux_tag(0, 100), linux_tag(0x4000, 100)));
    CHECK_FALSE(sent_first(linux_tag(7, 0), linux_tag(8, 0x2000))); // no frame is under way for so long
    CHECK_FALSE(sent_first(linux_tag(7, 100) | 0x80000000, linux_tag(8, 100)));
    CHECK_FALSE(sent_first(linux_tag(7, 100), linux_tag(8, 100) | 0x80000000));
}

TEST_CASE("a counter does not look older than those before it, until it has gone round", "[core][stale]") {
    const std::uint32_t start = GENERATE(0U, 1U, 0x18AE0000U, 0x0000FFF0U, 0x18AEFFFFU, 0x3FFF8000U);
    for (std::uint32_t later = 1; later < 57345; ++later) {
        if (is_older_tag(start + later, start))
            FAIL(start << " " << later);
    }
    CHECK(is_older_tag(start + 57345, start));
}

TEST_CASE("a set of tags may hold a newer one wherever one of them is newer", "[core][stale]") {
    std::mt19937 random(1);
    const auto draw = [&] { return static_cast<unsigned>(random()); };
    for (int round = 0; round < 20000; ++round) {
        // Close together, so that there are many in one jiffy; or anywhere.
        const unsigned spread = 1 + (round % 4 == 0 ? 0xFFFFU : draw() % 8);
        const auto some_tag = [&](std::uint32_t near) {
            const unsigned transmissions = round % 3 == 0 ? draw() : draw() % 0x3000;
            return linux_tag((near >> 16) + transmissions, near + draw() % spread) |
                   (draw() % 16 == 0 ? 0x80000000U : 0);
        };
        std::uint32_t newest = some_tag(draw());
        std::vector<std::uint32_t> held = {newest};
        TagSet set(newest);
        for (int more = 0; more < 6; ++more) {
            const std::uint32_t tag = some_tag(newest);
            if (!set.fits_before(tag))
                continue;
            TagSet with(tag);
            with.take_in(set);
            set = with;
            held.push_back(newest = tag);
        }
        REQUIRE(set.newest() == newest);
        for (int asked = 0; asked < 20; ++asked) {
            const std::uint32_t tag =
                asked % 2 == 0 ? held[draw() % held.size()] : some_tag(held[draw() % held.size()] - 2);
            bool holds = false;
            for (const std::uint32_t other : held)
                holds = holds || is_older_tag(tag, other) || (other == tag && other != newest);
            if (holds && !set.may_hold_newer(tag))
                FAIL("round " << round << ": " << std::hex << tag);
        }
    }
}

TEST_CASE("a set of tags in order knows that a later tag is newer than all", "[core][stale]") {
    TagSet set(linux_tag(0, 0));
    for (unsigned sent = 1; sent < 0x7FFF; ++sent) {
        const std::uint32_t tag = linux_tag(sent * 3, sent);
        if (set.may_hold_newer(tag) || !set.fits_before(tag))
            FAIL(sent);
        TagSet with(tag);
        with.take_in(set);
        set = with;
    }
    CHECK(set.may_hold_newer(linux_tag(0, 5)));
    CHECK_FALSE(set.fits_before(linux_tag(0, 0x8000)));
}
