// The memory of an export for its changes against one without bounds, in small histories and in all kinds of
// them: a late copy never undoes a newer write (core/write_history.hpp).
#include "core_fixture.hpp"
#include "history_model.hpp"
#include "support/catch.hpp"

#include <deque>
#include <random>

using namespace aoetest;
using aoetarget::SectorRange;
using aoetarget::core::ContentHash;
using aoetarget::core::Time;
using aoetarget::core::WriteHistory;

namespace {

/// One of all frames that may come in an exhaustive test.
struct Letter {
    Change change;
    unsigned version;
};

/// All sequences of so many of the letters. Each is done as the scheduler would; nothing is under way for
/// long.
class Sequences {
  public:
    Sequences(std::vector<Letter>& letters, std::size_t length, const WriteHistory::Bounds& bounds,
              Difference difference)
        : letters_(letters), length_(length), bounds_(bounds), difference_(difference) {}

    void run() {
        std::vector<std::size_t> sequence(length_, 0);
        do
            run_one(sequence);
        while (advance(sequence));
    }
    [[nodiscard]] std::size_t drops() const { return drops_; }

  private:
    bool advance(std::vector<std::size_t>& sequence) const {
        for (std::size_t& letter : sequence) {
            if (++letter < letters_.size())
                return true;
            letter = 0;
        }
        return false;
    }
    void run_one(const std::vector<std::size_t>& sequence) {
        WriteHistory history(content_hash, bounds_);
        HistoryModel model(bounds_);
        Time now = std::chrono::seconds(20);
        for (std::size_t at = 0; at < sequence.size(); ++at) {
            auto& [change, version] = letters_[sequence[at]];
            change.slot.set_arrival(now);
            const bool is_dropped = history.has_overtaken(change) || history.has_replaced(change);
            const bool is_wrong =
                (model.would_undo(change, version, now) && !is_dropped) ||
                (model.is_new(change) && is_dropped) ||
                (difference_ == Difference::seen && !model.allows(is_dropped, change, version, now));
            if (is_wrong)
                FAIL((is_dropped ? "dropped: " : "done: ") << describe(sequence, at));
            if (is_dropped) {
                ++drops_;
            } else {
                history.add(change);
                history.ended(change, now);
                model.add(change, version, now);
                model.ended(change, now);
            }
            now += std::chrono::milliseconds(10);
        }
    }
    [[nodiscard]] std::string describe(const std::vector<std::size_t>& sequence, std::size_t last) const {
        std::string text;
        for (std::size_t at = 0; at <= last; ++at) {
            const auto& [change, version] = letters_[sequence[at]];
            char line[100];
            std::snprintf(line, sizeof line, "\n  source %u tag %08x sectors %u+%u version %u",
                          change.source.bytes[5], change.tag(), unsigned(change.range.first),
                          unsigned(change.range.count), version);
            text += line;
        }
        return text;
    }

    std::vector<Letter>& letters_;
    const std::size_t length_;
    const WriteHistory::Bounds bounds_;
    const Difference difference_;
    std::size_t drops_ = 0;
};

/// So that there is but one bucket. They remain different contents.
void put_into_one_bucket(Change& change) {
    change.content &= 0xFFFFFFFF00000000;
}

/// All sequences of so many frames of one source, and of one frame less of two.
void run_sequences(std::size_t frames_of_one, std::size_t least_drops) {
    Frames frames;
    const Difference difference = GENERATE(Difference::seen, Difference::middle);
    const bool one_source = GENERATE(false, true);
    const WriteHistory::Bounds bounds = {
        .least_entries = 2, .max_entries = 8, .max_alike = GENERATE(1U, 2U, 16U)};
    CAPTURE(difference, one_source, bounds.max_alike);
    std::vector<std::uint32_t> tags = {0x00021000, 0x00011001}; // the counter goes round between them
    if (one_source)
        tags.push_back(0x00031000);
    std::vector<SectorRange> ranges = {{4, 2}, {5, 2}};
    if (!one_source)
        ranges.push_back({4, 1});
    std::vector<Letter> letters;
    for (const std::uint32_t tag : tags) {
        for (const SectorRange& range : ranges) {
            for (unsigned version = 1; version <= 2; ++version) {
                for (unsigned source = 1; source <= (one_source ? 1 : 2); ++source) {
                    letters.push_back({frames.change(numbered_mac(source), tag, range.first,
                                                     data_of(range.count, version, difference)),
                                       version});
                    put_into_one_bucket(letters.back().change);
                }
            }
        }
    }
    Sequences sequences(letters, one_source ? frames_of_one : frames_of_one - 1, bounds, difference);
    sequences.run();
    CHECK(sequences.drops() > least_drops);
}

void run_long_histories(unsigned seeds) {
    Frames frames;
    const Difference difference = GENERATE(Difference::seen, Difference::middle);
    unsigned drops = 0, merges = 0;
    for (unsigned seed = 0; seed < seeds; ++seed) {
        std::mt19937 random(seed);
        const auto draw = [&] { return static_cast<unsigned>(random()); };
        const auto one_in = [&](unsigned n) { return draw() % n == 0; };
        const WriteHistory::Bounds bounds = {
            .least_entries = 4, .max_entries = 4U << draw() % 5, .max_alike = 1U << draw() % 5};
        WriteHistory history(content_hash, bounds);
        HistoryModel model(bounds);
        struct Sent {
            Change change;
            unsigned version;
            bool under_way = false;
            bool admitted = false;
            const Sent* with = nullptr; ///< Merged with this, and remembered by itself.
        };
        std::deque<Sent> sent;
        Time now = std::chrono::seconds(20);
        std::uint32_t transmission = draw(), jiffies = draw();
        const unsigned style = draw() % 5; // of tags: Linux's, many a jiffy, a counter, any, constant
        const auto new_tag = [&]() -> std::uint32_t {
            if (style == 4)
                return 1;
            if (style == 3)
                return draw();
            if (style == 2)
                return ++transmission;
            transmission += 1 + (style == 0 ? draw() % 20000 : draw() % 100);
            jiffies += style == 0 || one_in(8) ? 1 + draw() % 300 : 0;
            return (transmission & 0x7FFF) << 16 | (jiffies & 0xFFFF);
        };
        const unsigned versions = 1 + draw() % 3, sources = 1 + draw() % 2;
        for (unsigned step = 0; step < 150; ++step) {
            now += Time{1 << 20} * (one_in(30) ? draw() % 2500 : draw() % 20); // as the history counts
            // A new write, a frame that was sent before, or an earlier transmission of what was sent after
            // it.
            const bool is_old = !sent.empty() && one_in(2);
            const Sent* like =
                is_old ? &sent[sent.size() - 1 - draw() % std::min<std::size_t>(sent.size(), 40)] : nullptr;
            const std::uint32_t tag = !is_old ? new_tag()
                                      : one_in(2) || style == 4
                                          ? like->change.tag()
                                          : like->change.tag() - (draw() % 4 << 16) - draw() % 2;
            const SectorRange range =
                is_old ? like->change.range : SectorRange{4 + draw() % 2, 1 + draw() % 2};
            const unsigned version = is_old ? like->version : 1 + draw() % versions;
            const unsigned source = is_old && one_in(2) ? like->change.source.bytes[5] : 1 + draw() % sources;
            sent.push_back({frames.change(numbered_mac(source), tag, range.first,
                                          data_of(range.count, version, difference)),
                            version});
            Change& change = sent.back().change;
            if (seed % 2 == 0)
                put_into_one_bucket(change);
            change.slot.set_arrival(now);

            const auto original = std::ranges::find_if(sent, [&](const Sent& other) {
                return other.under_way && other.with == nullptr && other.version == version &&
                       other.change.range == range && other.change.source == change.source;
            });
            const bool is_last =
                original != sent.end() && std::none_of(original + 1, sent.end(), [&](const Sent& other) {
                    return other.admitted && other.change.range.overlaps(range);
                });
            if (is_last && one_in(2)) {
                if (history.merged(original->change, change)) {
                    model.merged(original->change, change, now);
                } else {
                    model.add(change, version, now, true);
                    sent.back().under_way = true;
                    sent.back().with = &*original;
                }
                ++merges;
            } else {
                const bool is_dropped = history.has_overtaken(change) || history.has_replaced(change);
                if (model.would_undo(change, version, now) && !is_dropped)
                    FAIL("seed " << seed << " step " << step << ": undone");
                if (difference == Difference::seen && !model.allows(is_dropped, change, version, now))
                    FAIL("seed " << seed << " step " << step << ": wrongly "
                                 << (is_dropped ? "dropped" : "done"));
                drops += is_dropped ? 1 : 0;
                if (!is_dropped) {
                    history.add(change);
                    model.add(change, version, now);
                    sent.back().under_way = sent.back().admitted = true;
                }
            }
            // They end in the order of their admission, some of them soon.
            while (!one_in(4)) {
                const auto oldest = std::ranges::find_if(
                    sent, [](const Sent& each) { return each.under_way && each.with == nullptr; });
                if (oldest == sent.end())
                    break;
                history.ended(oldest->change, now);
                for (Sent& each : sent) {
                    if (&each == &*oldest || each.with == &*oldest) {
                        each.under_way = false;
                        model.ended(each.change, now);
                    }
                }
            }
        }
    }
    CHECK(drops > 5 * seeds / 2);
    CHECK(merges > seeds / 4);
}

} // namespace

TEST_CASE("in all short sequences of frames no late copy undoes a newer write, and no new write is dropped",
          "[core][stale]") {
    run_sequences(4, 100);
}

TEST_CASE("in all sequences of five frames no late copy undoes a newer write, and no new write is dropped",
          "[core][stale][.exhaustive]") {
    run_sequences(5, 1000);
}

TEST_CASE("long histories decide as one that remembers everything and looks at all of it", "[core][stale]") {
    run_long_histories(200);
}

TEST_CASE("thousands of long histories decide as one that remembers everything and looks at all of it",
          "[core][stale][.exhaustive]") {
    run_long_histories(4000);
}

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
    WriteHistory history(content_hash, {.least_entries = 8, .max_entries = 8});
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
    WriteHistory history{content_hash, {.least_entries = 64, .max_entries = 256}};
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
    WriteHistory history_{content_hash};
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
