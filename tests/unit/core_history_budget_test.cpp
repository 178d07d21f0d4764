// The memory that the histories of several exports share: who gets it, and when it comes back.
#include "core_fixture.hpp"
#include "history_model.hpp"
#include "support/catch.hpp"
#include "support/sanitizers.hpp"

#include <fstream>
#include <memory>
#include <string>

using namespace aoetest;
using aoetarget::core::HistoryBudget;
using aoetarget::core::Time;
using aoetarget::core::WriteHistory;

namespace {

/// Exports that are written to sector by sector, each time with other data and the next tag.
struct Exports {
    Frames frames;
    HistoryBudget budget;
    std::vector<std::unique_ptr<WriteHistory>> histories;
    Time now = std::chrono::seconds(20);
    std::uint32_t tag = 0;

    explicit Exports(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            histories.push_back(std::make_unique<WriteHistory>(content_hash, budget));
    }
    Change change(std::uint32_t with_tag, std::uint64_t sector) {
        Change made = frames.change(client_mac, with_tag, sector, data_of(1, with_tag, Difference::seen));
        made.slot.set_arrival(now);
        return made;
    }
    void begin(std::size_t exported, Change& change) {
        REQUIRE_FALSE(histories[exported]->has_replaced(change));
        histories[exported]->add(change);
    }
    /// Writes to sectors 1, 2, 3 and so on. Returns the tag of the first.
    std::uint32_t write(std::size_t exported, std::uint32_t count) {
        const std::uint32_t first = tag + 1;
        for (std::uint32_t i = 0; i < count; ++i) {
            Change made = change(++tag, 1 + i);
            begin(exported, made);
            histories[exported]->ended(made, now);
        }
        return first;
    }
    /// Returns whether a late copy of such a write does no harm after its sector was written again.
    bool is_known(std::size_t exported, std::uint32_t first, std::uint32_t number) {
        Change newer = change(++tag, 1 + number);
        begin(exported, newer);
        histories[exported]->ended(newer, now);
        Change late = change(first + number, 1 + number);
        return histories[exported]->has_overtaken(late) || histories[exported]->has_replaced(late);
    }
};

constexpr std::uint32_t least = WriteHistory::least_entries, most = WriteHistory::max_entries;

/// Returns the memory of this process that no file backs, in KiB.
std::size_t memory() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        std::size_t kib = 0;
        if (word == "RssAnon:" && status >> kib)
            return kib;
    }
    return 0;
}

} // namespace

TEST_CASE("one history, and a second, remember as much as each can", "[core][stale]") {
    Exports exports(2);
    const std::uint32_t first = exports.write(0, most - 1), second = exports.write(1, most - 1);
    CHECK(exports.is_known(0, first, 0));
    CHECK(exports.is_known(1, second, 0));
}

TEST_CASE("where others have taken all, a history remembers what it has for itself", "[core][stale]") {
    Exports exports(4);
    exports.write(0, most);
    exports.write(1, most);
    exports.write(2, most); // gets what they left, which is less than twice its own
    const std::uint32_t first = exports.write(3, 4 * least);
    CHECK_FALSE(exports.is_known(3, first, 0));
    CHECK(exports.is_known(3, first, 4 * least - 1));
    const std::uint32_t again = exports.write(3, least - 1);
    CHECK(exports.is_known(3, again, 0));
}

TEST_CASE("memory of what need not be known any more goes to those who need it", "[core][stale]") {
    Exports exports(40);
    const std::size_t before = memory();
    for (std::size_t i = 0; i < 40; ++i) {
        const std::uint32_t first = exports.write(i, most - 1);
        CHECK(exports.is_known(i, first, 0));
        CHECK(exports.is_known(i, first, most / 2));
        exports.now += WriteHistory::memory + std::chrono::milliseconds(10);
    }
    constexpr std::size_t of_entry = 88;
    if (!has_address_sanitizer && !has_thread_sanitizer) // which keep memory of their own
        CHECK(memory() < before + (HistoryBudget::max_entries + 40 * least) * of_entry / 1024 + 2048);
}

TEST_CASE("a write now and then does not keep the memory of many", "[core][stale]") {
    Exports exports(3);
    exports.write(0, most);
    exports.write(1, most);
    std::uint32_t last = 0;
    for (int second = 0; second < 10; ++second) {
        exports.now += std::chrono::seconds(1);
        exports.write(0, 1);
        last = exports.write(1, 1);
    }
    const std::uint32_t first = exports.write(2, most - 1);
    CHECK(exports.is_known(2, first, 0));
    CHECK(exports.is_known(1, last, 0)); // and is remembered itself
    const std::uint32_t again = exports.write(1, 2 * least);
    CHECK(exports.is_known(1, again, 0));
}

TEST_CASE("what a history has forgotten to the last does not come back", "[core][stale]") {
    Exports exports(4);
    const std::uint32_t first = exports.write(0, 4 * least);
    const Time written = exports.now;
    exports.now += WriteHistory::memory + std::chrono::milliseconds(10);
    exports.write(1, most);
    exports.write(2, most);
    exports.write(3, most); // now the first gives back
    Change late = exports.change(first, 1);
    late.slot.set_arrival(written - std::chrono::milliseconds(1)); // it waited elsewhere
    CHECK(exports.histories[0]->has_overtaken(late));
    late.slot.set_arrival(exports.now);
    CHECK_FALSE(exports.histories[0]->has_overtaken(late));
    CHECK_FALSE(exports.histories[0]->has_replaced(late)); // as after two seconds in any history
    const std::uint32_t next = exports.write(0, least - 1);
    CHECK(exports.is_known(0, next, 0));
}

TEST_CASE("a history that ends gives back what it has taken", "[core][stale]") {
    Exports exports(4);
    exports.write(0, most);
    exports.write(1, most);
    exports.histories[0].reset();
    const std::uint32_t first = exports.write(2, most - 1);
    CHECK(exports.is_known(2, first, 0));
}

TEST_CASE("a history gives nothing back while a change is under way", "[core][stale]") {
    Exports exports(4);
    Change slow = exports.change(++exports.tag, 7);
    exports.begin(0, slow);
    exports.write(0, 4 * least);
    exports.now += 10 * WriteHistory::memory;
    exports.write(1, most);
    exports.write(2, most);
    exports.write(3, most);
    exports.histories[0]->ended(slow, exports.now);
    Change late = exports.change(slow.tag(), 7); // with the data of its tag
    CHECK(exports.histories[0]->has_replaced(late));
}
