// The memory of an export for its changes against one without bounds, in all small histories and in long
// ones: a late copy never undoes a newer write (core/write_history.hpp).
#include "core_fixture.hpp"
#include "history_model.hpp"
#include "support/catch.hpp"

#include <deque>
#include <random>

using namespace aoetest;
using aoetarget::SectorRange;
using aoetarget::core::HistoryBudget;
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
        HistoryBudget budget;
        WriteHistory history(content_hash, budget, bounds_);
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
        HistoryBudget budget;
        WriteHistory history(content_hash, budget, bounds);
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
