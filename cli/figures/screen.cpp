// Lays out the tables, and drops what is too wide.
#include "figures/screen.hpp"

#include "figures/columns.hpp"
#include "figures/short_text.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace cli {
namespace {

using Line = Screen::Line;

constexpr std::size_t gap = 2;
constexpr std::size_t shortest_history = 8;
constexpr std::size_t lines_around = 3; // the two above the tables, and the help below

/// Cuts a line of ASCII.
std::string cut(std::string text, std::size_t width) {
    text.resize(std::min(text.size(), width));
    return text;
}

/// A column that is shown.
struct Laid {
    std::vector<std::string> cells; ///< The title first.
    int importance;
    std::size_t width = 0;
};

std::size_t width_of(const std::vector<Laid>& columns) {
    std::size_t width = 0;
    for (const Laid& column : columns)
        width += column.width + (width > 0 ? gap : 0);
    return width;
}

/// Drops columns until all fit, or there is one.
void fit(std::vector<Laid>& columns, std::size_t width) {
    while (columns.size() > 1 && width_of(columns) > width)
        columns.erase(std::ranges::min_element(columns, {}, &Laid::importance));
}

/// The first column is a name, and the others are to its right.
std::string text_of(const std::vector<Laid>& columns, std::size_t row, std::size_t width) {
    std::string text;
    for (const Laid& column : columns) {
        const bool is_name = text.empty();
        text += is_name ? fmt::format("{:<{}}", column.cells[row], column.width)
                        : fmt::format("{:>{}}", column.cells[row], column.width + gap);
    }
    return cut(text, width);
}

bool is_alarming(const ExportRates& row) {
    return row.now.state != aoetarget::ExportStats::State::ok;
}

bool is_alarming(const InterfaceRates& row) {
    return !row.now.up || !row.now.port_of.empty();
}

bool is_alarming(const InitiatorRates& /*row*/) {
    return false;
}

template <typename Row>
std::vector<Laid> lay_out(std::span<const Column<Row>> all, const std::vector<Row>& rows) {
    std::vector<Laid> columns;
    for (const Column<Row>& column : all) {
        Laid laid{.cells = {column.title}, .importance = column.importance};
        for (const Row& row : rows)
            laid.cells.push_back(column.cell(row));
        for (const std::string& cell : laid.cells)
            laid.width = std::max(laid.width, cell.size());
        columns.push_back(std::move(laid));
    }
    return columns;
}

/// Adds the lines of a table, with the history behind the columns.
template <typename Row>
void add_table(std::vector<Line>& lines, std::span<const Column<Row>> all, const std::vector<Row>& rows,
               const History& history, const View& view) {
    std::vector<Laid> columns = lay_out(all, rows);
    const std::size_t reserved = gap + shortest_history;
    fit(columns, view.columns > 2 * reserved ? view.columns - reserved : view.columns);
    const std::size_t used = width_of(columns) + gap;
    const std::size_t room =
        view.columns >= used + shortest_history ? std::min(view.columns - used, History::length) : 0;
    const std::string space(room > 0 ? gap : 0, ' ');
    lines.push_back({text_of(columns, 0, view.columns) + space + cut("HISTORY", room), Line::Look::heading});
    for (std::size_t i = 0; i < rows.size(); ++i)
        lines.push_back(
            {text_of(columns, i + 1, view.columns) + space + sparkline(history.of(rows[i]), room, view.plain),
             is_alarming(rows[i]) ? Line::Look::alarm : Line::Look::plain});
}

double slower(const Percentiles& read, const Percentiles& write) {
    const std::chrono::nanoseconds none(-1);
    return static_cast<double>(std::max(read.p99.value_or(none), write.p99.value_or(none)).count());
}

/// The largest comes first.
double rank_of(const ExportRates& row, SortBy order) {
    switch (order) {
    case SortBy::name:
        break;
    case SortBy::requests:
        return row.requests();
    case SortBy::bytes:
        return row.bytes();
    case SortBy::latency:
        return slower(row.read, row.write);
    case SortBy::oldest:
        return static_cast<double>(row.now.oldest_request.value_or(std::chrono::nanoseconds(-1)).count());
    }
    return 0;
}

double rank_of(const InitiatorRates& row, SortBy order) {
    return order == SortBy::name ? 0 : row.requests();
}

template <typename Row>
std::vector<Row> sorted(std::vector<Row> rows, SortBy order) {
    std::ranges::stable_sort(rows, std::greater(), [&](const Row& row) { return rank_of(row, order); });
    return rows;
}

std::vector<Line> tables(const Snapshot& snapshot, const Rates& rates, const History& history,
                         const View& view) {
    std::vector<Line> lines;
    add_table(lines, export_columns(), sorted(rates.exports, view.order), history, view);
    lines.emplace_back();
    add_table(lines, interface_columns(), rates.interfaces, history, view);
    for (const std::string& name : snapshot.stats.waited_for) {
        const auto [state, serves] = waiting_of(snapshot.stats, name);
        const std::string text = fmt::format("{}  {}  {}", printable(name), state, serves);
        lines.push_back({cut(text, view.columns), Line::Look::plain});
    }
    lines.emplace_back();
    add_table(lines, initiator_columns(), sorted(rates.initiators, view.order), history, view);
    return lines;
}

std::string title(const Snapshot& snapshot) {
    const aoetarget::Stats& stats = snapshot.stats;
    return fmt::format("target {}: version {}, process {}, up {}; {}, {}, {}", printable(snapshot.name),
                       printable(snapshot.version), snapshot.process,
                       short_time(std::chrono::duration_cast<std::chrono::nanoseconds>(snapshot.uptime)),
                       counted(stats.exports.size(), "export"), counted(stats.interfaces.size(), "interface"),
                       counted(stats.initiators.size(), "initiator"));
}

std::string totals(const Rates& rates) {
    double reads = 0, writes = 0, bytes = 0;
    std::uint64_t under_way = 0;
    for (const ExportRates& exported : rates.exports) {
        reads += exported.reads;
        writes += exported.writes;
        bytes += exported.bytes();
        under_way += exported.now.in_flight;
    }
    return fmt::format("all exports: {} reads/s, {} writes/s, {} bytes/s, {} under way; {} s",
                       short_count(reads), short_count(writes), short_bytes(bytes), under_way,
                       short_count(rates.period.count()));
}

std::string help(SortBy order, bool with_names) {
    std::string text = "q quit  arrows scroll  sort:";
    for (const SortKey& key : sort_keys)
        text += fmt::format(" {}{}{}{}", key.order == order ? "*" : "", key.key, with_names ? " " : "",
                            with_names ? key.name : "");
    return text;
}

/// The names of the keys are left out where they do not fit.
std::string help_that_fits(const View& view) {
    std::string text = help(view.order, true);
    return text.size() <= view.columns ? text : help(view.order, false);
}

} // namespace

Screen screen_of(const Snapshot& snapshot, const Rates& rates, const History& history, const View& view) {
    std::vector<Line> all = tables(snapshot, rates, history, view);
    const std::size_t room = view.rows > lines_around ? view.rows - lines_around : 0;
    Screen screen;
    screen.first = std::min(view.first, all.size() > room ? all.size() - room : 0);
    screen.lines.push_back({cut(title(snapshot), view.columns), Line::Look::plain});
    if (view.notice.empty())
        screen.lines.push_back({cut(totals(rates), view.columns), Line::Look::plain});
    else
        screen.lines.push_back({cut(printable(view.notice), view.columns), Line::Look::alarm});
    for (std::size_t i = 0; i < room; ++i)
        screen.lines.push_back(screen.first + i < all.size() ? std::move(all[screen.first + i]) : Line());
    screen.lines.push_back({cut(help_that_fits(view), view.columns), Line::Look::heading});
    screen.lines.resize(view.rows);
    return screen;
}

} // namespace cli
