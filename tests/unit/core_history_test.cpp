// The memory of an export for its changes, case by case: which late copies it knows, and for how long
// (core/write_history.hpp).
#include "core_fixture.hpp"
#include "history_model.hpp"
#include "support/catch.hpp"

using namespace aoetest;
using aoetarget::SectorRange;
using aoetarget::core::ContentHash;
using aoetarget::core::HistoryBudget;
using aoetarget::core::Time;
using aoetarget::core::WriteHistory;

TEST_CASE("a late copy is known however many unlike it have come that fall into its bucket",
          "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.logging = false;
    core.checking = false;
    const auto send = [&](const Request& request) {
        core.arrival += std::chrono::microseconds(1);
        core.send(request);
        core.turn();
    };
    core.arrival = std::chrono::seconds(20);
    const unsigned others = GENERATE(15U, 16U, 17U, 1000U, 10000U);
    const bool other_tags = GENERATE(false, true); // which tell nothing, so none stands for another
    CAPTURE(others, other_tags);

    Frames frames;
    const auto bucket_of = [&](std::uint64_t first, const Bytes& data) {
        return frames.change(client_mac, 0, first, data).content % WriteHistory::least_entries;
    };
    std::uint32_t version = 1;
    while (bucket_of(100, pattern(100, 1, version)) != bucket_of(4, pattern(4, 2, 1)))
        ++version;
    const Request late = write_request(4, pattern(4, 2, 1)).tagged(1);
    send(late);
    for (unsigned other = 0; other < others; ++other)
        send(write_request(100, pattern(100, 1, version)).tagged(other_tags ? 0x80000000 + other : 2));
    send(write_request(5, pattern(5, 1, 2)).tagged(3));
    CHECK(core.stats().stale == 0);
    send(late);
    CHECK(core.stats().stale == 1);
    CHECK(disk.sectors(5) == pattern(5, 1, 2));
}

TEST_CASE("a late copy is known by all of its data where tags are used again", "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    const auto write = [&](unsigned version, int milliseconds) {
        core.arrival = std::chrono::milliseconds(milliseconds);
        core.send(write_request(4, data_of(2, version, Difference::middle)).tagged(1));
        core.turn();
        return !core.replies(1).empty();
    };
    CHECK(write(1, 20000));
    CHECK(write(2, 20001));
    CHECK_FALSE(write(1, 20002)); // may be the first
    CHECK(write(2, 20003));       // whose answer may be lost
    CHECK_FALSE(write(1, 21000));
    CHECK(disk.sectors(4, 2) == data_of(2, 2, Difference::middle));
    CHECK(write(1, 22100)); // is new
    CHECK(disk.sectors(4, 2) == data_of(2, 1, Difference::middle));
}

TEST_CASE("a late copy is known while the write of which it is one takes long", "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    const auto write = [&](int seconds, unsigned version, std::uint32_t tag) {
        core.arrival = core.now = std::chrono::seconds(seconds);
        core.send(write_request(4, pattern(4, 2, version)).tagged(tag));
        core.turn();
    };
    write(20, 1, 0x00020000);
    write(24, 2, 0x00030000);
    write(25, 1, 0x00010000);
    CHECK(core.stats().stale == 1);
    core.drain(disk);
    CHECK(disk.sectors(4, 2) == pattern(4, 2, 2));
}

TEST_CASE("a late copy is known by its tag though the same data came with others meanwhile",
          "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    std::chrono::milliseconds time(20000);
    const auto write = [&](unsigned version, std::uint32_t tag) {
        core.arrival = core.now = ++time;
        core.send(write_request(4, pattern(4, 2, version)).tagged(tag));
        core.turn();
    };
    // In the order of Linux; of a counter with its bytes swapped, whose first and last are in no order; tags
    // that are none of Linux's; transmissions too long after each other.
    const auto tags = GENERATE(values<std::vector<std::uint32_t>>({
        {0x01000000, 0x01010005, 0x01020010},
        {0x01010005, 0x01000000, 0x01020010},
        {0x00000001, 0x20000001, 0x40000001},
        {0x20000001, 0x00000001, 0x40000001},
        {0x81000000, 0x82000000, 0x83000000},
        {0x00010000, 0x00022000, 0x00037fff},
        {0x00010000, 0x00021800, 0x00033000},
    }));
    const bool ends_before = GENERATE(false, true);
    CAPTURE(tags, ends_before);
    for (const std::uint32_t tag : tags)
        write(1, tag);
    CHECK(core.stats().duplicates == 2);
    if (ends_before)
        core.drain(disk);
    write(2, 0x84000000);
    if (ends_before)
        core.drain(disk);
    for (const std::uint32_t tag : tags)
        write(1, tag);
    core.drain(disk);
    CHECK(disk.sectors(4, 2) == pattern(4, 2, 2));
}

TEST_CASE("copies of a write that is under way are answered once, whatever their tags", "[core][stale]") {
    CoreFixture core;
    Disk& disk = core.add_export();
    disk.immediate = false;
    const std::vector<std::uint32_t> tags = {0x81000000, 0x82000000, 0x83000000};
    for (int times = 0; times < 2; ++times) {
        for (const std::uint32_t tag : tags) {
            core.send(write_request(4, pattern(4, 2, 1)).tagged(tag));
            core.turn();
        }
    }
    CHECK(core.stats().duplicates == 5);
    CHECK(core.stats().stale == 0);
    core.drain(disk);
    CHECK(core.reply(tags.back()).succeeded());
    CHECK(disk.operations == 1);
}

TEST_CASE("a copy that was merged is forgotten in time, though its original had to be forgotten before",
          "[core][stale]") {
    Frames frames;
    HistoryBudget budget;
    WriteHistory history(content_hash, budget, {.least_entries = 8, .max_entries = 8});
    Time now = std::chrono::seconds(20);
    const auto change = [&](std::uint32_t tag, std::uint64_t first, unsigned version) {
        Change made = frames.change(client_mac, tag, first, data_of(1, version, Difference::seen));
        made.slot.set_arrival(now);
        return made;
    };
    const auto write = [&](std::uint32_t tag, std::uint64_t first, unsigned version) {
        Change made = change(tag, first, version);
        const bool is_dropped = history.has_replaced(made);
        if (!is_dropped)
            history.add(made);
        return std::pair(std::move(made), is_dropped);
    };
    auto [original, is_dropped] = write(0x81000000, 4, 1);
    REQUIRE_FALSE(is_dropped);
    const unsigned others = GENERATE(0U, 5U);
    CAPTURE(others);
    for (unsigned other = 0; other < others; ++other)
        write(other, 100 + other, 1);
    for (const std::uint32_t tag : {0x82000000U, 0x83000000U}) {
        Change copy = change(tag, 4, 1);
        REQUIRE_FALSE(history.merged(original, copy));
    }
    write(1, 4, 2); // the ninth, where there were others
    history.ended(original, now);
    for (const std::uint32_t tag : {0x82000000U, 0x83000000U}) {
        now = std::chrono::seconds(21);
        Change copy = change(tag, 4, 1);
        CHECK(history.has_replaced(copy));
        now = std::chrono::milliseconds(22100);
        CHECK_FALSE(write(tag, 4, 1).second);
        now = std::chrono::milliseconds(22100);
        write(2, 4, 2);
    }
}

namespace {

/// Changes of one sector by one host, each of which lasts for a time of its own.
struct History {
    Frames frames;
    HistoryBudget budget;
    WriteHistory history{content_hash, budget, {.least_entries = 64, .max_entries = 256}};
    Time now = std::chrono::seconds(20);

    Change change(std::uint32_t tag, std::uint64_t sector, unsigned version) {
        Change made = frames.change(client_mac, tag, sector, data_of(1, version, Difference::seen));
        made.slot.set_arrival(now);
        return made;
    }
    bool is_dropped(std::uint32_t tag, std::uint64_t sector, unsigned version) {
        Change late = change(tag, sector, version);
        return history.has_replaced(late);
    }
    Change begin(std::uint32_t tag, std::uint64_t sector, unsigned version) {
        Change made = change(tag, sector, version);
        if (history.has_replaced(made))
            FAIL("dropped");
        history.add(made);
        return made;
    }
    void write(std::uint32_t tag, std::uint64_t sector, unsigned version) {
        history.ended(begin(tag, sector, version), now);
    }
};

} // namespace

TEST_CASE("a late copy is known wherever its sectors are, after the history has grown", "[core][stale]") {
    History scene;
    constexpr std::uint64_t sectors = 20;
    const auto place = [](std::uint64_t sector) { return 1000 * sector; };
    for (unsigned version = 1; version <= 2; ++version) {
        for (std::uint64_t sector = 0; sector < sectors; ++sector)
            scene.write(version, place(sector), version);
    }
    for (unsigned i = 0; i < 200; ++i) // at 64 and at 128 it grows
        scene.write(100 + i, 100000 + i, 1);
    for (std::uint64_t sector = 0; sector < sectors; ++sector)
        CHECK(scene.is_dropped(1, place(sector), 1));
}

TEST_CASE("a late copy is known though its repetition, which was refused, is forgotten", "[core][stale]") {
    History scene;
    const Change original = scene.begin(1, 4, 1);
    Change repetition = scene.change(5, 4, 1);
    const bool has_ended =
        GENERATE(true, false); // before the repetition, which came before that, was refused
    CAPTURE(has_ended);
    scene.now += std::chrono::seconds(10);
    if (has_ended)
        scene.history.ended(original, scene.now);
    REQUIRE_FALSE(scene.history.has_replaced(repetition));
    scene.history.add_refused(repetition);
    if (!has_ended)
        scene.history.ended(original, scene.now);
    scene.write(7, 4, 2);
    scene.now += std::chrono::milliseconds(1500);
    CHECK(scene.is_dropped(1, 4, 1));
    scene.now += std::chrono::milliseconds(700);
    CHECK_FALSE(scene.is_dropped(1, 4, 1));
}

TEST_CASE("contents are told apart by the first and last words of their sectors, digests by all",
          "[core][stale]") {
    Frames frames;
    const std::size_t sectors = GENERATE(1U, 2U, 16U);
    const auto hash_of = [&](const Bytes& data) {
        const Change change = frames.change(client_mac, 1, 4, data);
        return std::pair(content_hash.content_of(change), content_hash.digest_of(change));
    };
    Bytes data(sectors * sector_bytes);
    const auto [content, digest] = hash_of(data);
    CHECK(digest != 0);
    for (std::size_t byte = 0; byte < data.size(); ++byte) {
        const std::size_t place = byte % sector_bytes;
        for (const unsigned bit : {0x01U, 0x80U}) {
            data[byte] = static_cast<std::uint8_t>(bit);
            const auto [other_content, other_digest] = hash_of(data);
            if ((content != other_content) != (place < 8 || place >= sector_bytes - 8) ||
                digest == other_digest)
                FAIL("byte " << byte);
            // What cancels out in many a sum: the same bit once more.
            if (byte > 0) {
                data[0] = static_cast<std::uint8_t>(bit);
                if (const auto both = hash_of(data); both.first == content || both.second == digest)
                    FAIL("byte " << byte);
                data[0] = 0;
            }
        }
        data[byte] = 0;
    }
    const Change change = frames.change(client_mac, 1, 4, data);
    CHECK(ContentHash(2).content_of(change) != content);
    CHECK(frames.change(client_mac, 1, 5, data).content != content);
}

namespace {

/// Of one host, without the rest of the core.
class LoneHistory {
  public:
    Time now = std::chrono::seconds(20);

    /// Whether it was dropped. All data are the same.
    bool write(std::uint32_t tag, const SectorRange& range) { return write(tag, range, now); }
    bool write(std::uint32_t tag, const SectorRange& range, Time arrival) {
        Change change = frames_.change(client_mac, tag, range.first, data_of(1, 1, Difference::seen));
        change.range = range;
        change.slot.set_arrival(arrival);
        change.content = content_hash.content_of(change);
        const bool is_dropped = history_.has_overtaken(change) || history_.has_replaced(change);
        if (!is_dropped) {
            history_.add(change);
            history_.ended(change, now);
        }
        return is_dropped;
    }

  private:
    Frames frames_;
    HistoryBudget budget_;
    WriteHistory history_{content_hash, budget_};
};

} // namespace

TEST_CASE("frames that are sent for ever are done as long as nothing else is written there",
          "[core][stale]") {
    LoneHistory history;
    for (unsigned round = 0; round < 30; ++round) {
        for (unsigned i = 0; i < 3000; ++i, history.now += std::chrono::microseconds(8)) {
            const bool is_dropped = history.write(i, {1002 + 4 * (7 * i % 3000), 2});
            if (is_dropped && round > 15) // the history has grown
                FAIL("round " << round << " write " << i);
        }
    }
    CHECK_FALSE(history.write(10000, {1003, 1}));
    CHECK(history.write(0, {1002, 2}));
}

TEST_CASE("data that are written again and again are done, however often their tags have gone round",
          "[core][stale]") {
    LoneHistory history;
    for (std::uint32_t tag = 0; tag < 100000; ++tag, history.now += std::chrono::microseconds(8)) {
        if (history.write(tag, {2 * (tag % 1000), 2}))
            FAIL("write " << tag);
    }
}

TEST_CASE("a flood of copies is dropped when looking for each would take the processor", "[core][stale]") {
    LoneHistory history;
    const auto trim = [&](unsigned i) { // of more sectors than are noted one by one
        return history.write(1000 + i, {1000 * (i + 1), 1000});
    };
    CHECK_FALSE(history.write(77, {4, 1}));
    for (unsigned i = 0; i < 20000; ++i)
        CHECK_FALSE(trim(i));
    unsigned dropped = 0;
    for (unsigned i = 0; i < 2000; ++i) // each of which looks at 20,000 others
        dropped += trim(i) ? 1 : 0;
    CHECK(dropped > 1700);
    history.now += std::chrono::milliseconds(1000);
    CHECK_FALSE(history.write(77, {4, 1})); // and then it is known again that nothing has happened there
}

TEST_CASE(
    "frames that waited are dropped when looking for the writes that overtook each would take the processor",
    "[core][stale]") {
    LoneHistory history;
    for (unsigned i = 0; i < 20000; ++i, history.now += std::chrono::microseconds(5))
        CHECK_FALSE(history.write(i, {100 + i, 1}));
    const auto count_dropped = [&](std::uint64_t first, unsigned frames) {
        unsigned dropped = 0;
        for (unsigned i = 0; i < frames; ++i)
            dropped +=
                history.write(30000, {first + i, 1}, history.now - std::chrono::milliseconds(100)) ? 1 : 0;
        return dropped;
    };
    CHECK(count_dropped(30000, 2000) > 1700); // each of which looks at 20,000 others
    history.now += std::chrono::milliseconds(100);
    CHECK_FALSE(history.write(20000, {4, 1}));
    CHECK(count_dropped(40000, 1) == 0);
}
