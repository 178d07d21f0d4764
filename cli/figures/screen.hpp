// What `top` shows, as lines of text: a function of the figures and of the size of the screen.
#pragma once

#include "figures/history.hpp"
#include "figures/rates.hpp"

#include <array>
#include <string>
#include <vector>

namespace cli {

/// The order of exports and initiators. What is equal is in the order of addresses.
enum class SortBy { name, requests, bytes, latency, oldest };

/// A key that chooses an order.
struct SortKey {
    char key;
    SortBy order;
    const char* name;
};
inline constexpr std::array sort_keys{
    SortKey{'n', SortBy::name, "name"},     SortKey{'r', SortBy::requests, "requests"},
    SortKey{'b', SortBy::bytes, "bytes"},   SortKey{'l', SortBy::latency, "latency"},
    SortKey{'o', SortBy::oldest, "oldest"},
};

struct View {
    std::size_t rows = 24;
    std::size_t columns = 80;
    SortBy order = SortBy::name;
    std::size_t first = 0; ///< The line of the tables that is uppermost.
    bool plain = false;    ///< The terminal shows ASCII only.
    std::string notice;    ///< Takes the place of the second line, if it is not empty.
};

struct Screen {
    struct Line {
        enum class Look { plain, heading, alarm };
        std::string text; ///< It has no control characters, and is at most as wide as the view.
        Look look = Look::plain;
    };
    std::vector<Line> lines; ///< As many as the view has.
    std::size_t first = 0;   ///< As View::first, but no further than there are lines.
};

Screen screen_of(const Snapshot& snapshot, const Rates& rates, const History& history, const View& view);

} // namespace cli
