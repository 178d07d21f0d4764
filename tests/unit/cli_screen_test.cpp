// The screen of top: lines of text from figures and a size.
#include "catch.hpp"
#include "snapshots.hpp"

#include "figures/screen.hpp"

#include <algorithm>

using namespace std::chrono_literals;
using aoetest::snapshot_of_reads;

namespace {

/// Two seconds of a target.
struct Scene {
    cli::Snapshot before = snapshot_of_reads(10, 0, 15us);
    cli::Snapshot now = snapshot_of_reads(12, 4000, 15us);
    cli::View view;

    Scene() { view.plain = true; }

    [[nodiscard]] cli::Screen screen() const {
        const cli::Rates rates = cli::rates_between(before, now);
        cli::History history;
        history.add(rates);
        history.add(rates);
        return cli::screen_of(now, rates, history, view);
    }
    void add_exports(std::uint8_t count) {
        for (std::uint8_t slot = 2; slot < 2 + count; ++slot) {
            aoetarget::ExportStats exported = now.stats.exports[0];
            exported.address.slot = slot;
            exported.reads = slot;
            exported.sectors_read = 100 - slot;
            now.stats.exports.push_back(exported);
        }
    }
};

std::string text_of(const cli::Screen& screen) {
    std::string text;
    for (const auto& line : screen.lines)
        text += line.text.substr(0, line.text.find_last_not_of(' ') + 1) + '\n';
    return text;
}

std::vector<std::string> addresses_on(const cli::Screen& screen) {
    std::vector<std::string> addresses;
    for (const auto& line : screen.lines) {
        if (line.text.starts_with("e1."))
            addresses.push_back(line.text.substr(0, line.text.find(' ')));
    }
    return addresses;
}

std::size_t width(const std::string& text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

} // namespace

TEST_CASE("the screen at 80x24 has all tables, with histories", "[cli][top]") {
    const cli::Screen screen = Scene().screen();
    CHECK(screen.lines.size() == 24);
    CHECK(text_of(screen).starts_with("target lab: version 1.2.3, process 17, up 12s; 1 export, 1 interface, "
                                      "1 initiato\n"
                                      "all exports: 2k reads/s, 0 writes/s, 7.8M bytes/s, 0 under way; 2 s\n"
                                      "EXPORT "));
    CHECK(text_of(screen).find(
              "EXPORT  STATE  READ/S  WRITE/S  BYTES/S  R P99  W P99  QUEUE  OLDEST  HISTORY\n"
              "e1.1       ok      2k        0     7.8M   20us      -      0       -") != std::string::npos);
    CHECK(text_of(screen).find("INTERFACE") != std::string::npos);
    CHECK(text_of(screen).find("02:00:00:00:00:01    e1.1") != std::string::npos);
    CHECK(text_of(screen).find("@@\n") != std::string::npos);
    CHECK(screen.lines.back().text.starts_with("q quit"));
}

TEST_CASE("the screen is as large as the terminal, however small or large that is", "[cli][top]") {
    Scene scene;
    scene.add_exports(40);
    scene.view.plain = GENERATE(true, false);
    for (const std::size_t rows : {0u, 1u, 2u, 3u, 4u, 10u, 100u}) {
        for (const std::size_t columns : {0u, 1u, 5u, 20u, 40u, 60u, 79u, 132u, 500u}) {
            CAPTURE(rows, columns);
            scene.view.rows = rows;
            scene.view.columns = columns;
            const cli::Screen screen = scene.screen();
            CHECK(screen.lines.size() == rows);
            for (const auto& line : screen.lines)
                CHECK(width(line.text) <= columns);
        }
    }
}

TEST_CASE("a wide screen has all columns, and a narrow one the most important", "[cli][top]") {
    Scene scene;
    scene.view.columns = 132;
    CHECK(text_of(scene.screen()).find("R P50") != std::string::npos);
    scene.view.columns = 45;
    CHECK(text_of(scene.screen()).find("EXPORT  READ/S  WRITE/S  BYTES/S  HISTORY") != std::string::npos);
}

TEST_CASE("a narrow screen has all keys, and a wide one their names too", "[cli][top]") {
    Scene scene;
    scene.view.order = cli::SortBy::bytes;
    scene.view.columns = 79;
    CHECK(scene.screen().lines.back().text ==
          "q quit  arrows scroll  sort: n name r requests *b bytes l latency o oldest");
    scene.view.columns = 40;
    CHECK(scene.screen().lines.back().text == "q quit  arrows scroll  sort: n r *b l o");
}

TEST_CASE("a pattern tells how many interfaces it serves, and a name that it is absent", "[cli][top]") {
    Scene scene;
    scene.now.stats.waited_for = {"late0", "eth*", "vnet*"};
    scene.now.stats.interfaces[0].entry = "eth*";
    const std::string text = text_of(scene.screen());
    for (const char* line : {"\nlate0  absent\n", "\neth*  pattern  serves 1 interface\n",
                             "\nvnet*  pattern  serves 0 interfaces\n"})
        CHECK(text.find(line) != std::string::npos);
}

TEST_CASE("the screen scrolls as far as there are lines", "[cli][top]") {
    Scene scene;
    scene.add_exports(40);
    CHECK(addresses_on(scene.screen()).front() == "e1.1");
    scene.view.first = 10;
    CHECK(scene.screen().first == 10);
    CHECK(addresses_on(scene.screen()).front() == "e1.10");
    scene.view.first = 1000;
    const cli::Screen end = scene.screen();
    CHECK(end.first == 42 + 1 + 2 + 1 + 2 - 21);
    CHECK(end.lines[22].text.starts_with("02:00:00:00:00:01"));
    scene.view.rows = 100;
    CHECK(scene.screen().first == 0);
}

TEST_CASE("exports are sorted by what is asked for, and equal ones by their addresses", "[cli][top]") {
    Scene scene;
    scene.add_exports(2);
    auto& exports = scene.now.stats.exports; // 4000, 2 and 3 reads
    exports[1].oldest_request = 5s;
    exports[2].latency[1].add(2s);
    using Addresses = std::vector<std::string>;
    const std::pair<cli::SortBy, Addresses> orders[] = {
        {cli::SortBy::name, {"e1.1", "e1.2", "e1.3"}},   {cli::SortBy::requests, {"e1.1", "e1.3", "e1.2"}},
        {cli::SortBy::bytes, {"e1.1", "e1.2", "e1.3"}},  {cli::SortBy::latency, {"e1.3", "e1.1", "e1.2"}},
        {cli::SortBy::oldest, {"e1.2", "e1.1", "e1.3"}},
    };
    for (const auto& [order, addresses] : orders) {
        scene.view.order = order;
        const cli::Screen screen = scene.screen();
        CHECK(addresses_on(screen) == addresses);
        const auto* const key = std::ranges::find(cli::sort_keys, order, &cli::SortKey::order);
        CHECK(screen.lines.back().text.find(std::string("*") + key->key) != std::string::npos);
    }
}

TEST_CASE("a notice takes the place of the totals, and faults are marked", "[cli][top]") {
    Scene scene;
    scene.view.notice = "The target has ended.";
    scene.now.stats.exports[0].state = aoetarget::ExportStats::State::refusing_writes;
    const cli::Screen screen = scene.screen();
    CHECK(screen.lines[1].text == "The target has ended.");
    CHECK(screen.lines[1].look == cli::Screen::Line::Look::alarm);
    CHECK(screen.lines[3].text.find("refusing-writes") != std::string::npos);
    CHECK(screen.lines[3].look == cli::Screen::Line::Look::alarm);
}

TEST_CASE("nothing that a name has reaches the terminal as it is", "[cli][top]") {
    Scene scene;
    scene.now.name = "lab\x1B[2J";
    scene.now.stats.interfaces[0].name = "e\x1B]0;x\x07";
    scene.now.stats.interfaces[0].port_of = "br\n0";
    scene.now.stats.waited_for = {"vnet\t*"};
    scene.view.notice = "gone\r";
    for (const auto& line : scene.screen().lines)
        CHECK(std::ranges::none_of(line.text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; }));
}

TEST_CASE("a line of history has a bar for each value, the newest on the right", "[cli][figures]") {
    const std::vector<double> values{0, 50, 1, 100};
    CHECK(cli::sparkline(values, 6, true) == "   -.@");
    CHECK(cli::sparkline(values, 2, false) == "▁█");
    CHECK(cli::sparkline({}, 3, true) == "   ");
    CHECK(cli::sparkline(std::vector<double>{0, 0}, 2, true) == "  ");
    cli::History history;
    const cli::Rates rates =
        cli::rates_between(snapshot_of_reads(10, 0, 1ms), snapshot_of_reads(11, 30, 1ms));
    for (std::size_t i = 0; i < cli::History::length + 5; ++i)
        history.add(rates);
    CHECK(history.of(rates.exports[0]) == std::vector<double>(cli::History::length, 30));
    CHECK(history.of(rates.interfaces[0]).back() == 60);
    history.add({});
    CHECK(history.of(rates.initiators[0]).empty());
}
