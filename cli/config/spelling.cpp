// Compares words by the mistakes that make one from the other: a character more, less or another, or two of
// them swapped (the distance of Damerau and Levenshtein).
#include "config/spelling.hpp"

#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>
#include <vector>

namespace cli {
namespace {

/// People confuse these.
char simplified(char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

std::size_t distance(std::string_view one, std::string_view other) {
    // One row for each character of `one`: how far it is up to there from each beginning of `other`.
    std::vector<std::size_t> before_last, last(other.size() + 1), row(other.size() + 1);
    std::iota(last.begin(), last.end(), std::size_t{0});
    const auto same = [&](std::size_t i, std::size_t j) {
        return simplified(one[i]) == simplified(other[j]);
    };
    for (std::size_t i = 0; i < one.size(); ++i) {
        row[0] = i + 1;
        for (std::size_t j = 0; j < other.size(); ++j) {
            row[j + 1] = std::min({last[j] + (same(i, j) ? 0 : 1), last[j + 1] + 1, row[j] + 1});
            if (i > 0 && j > 0 && same(i, j - 1) && same(i - 1, j))
                row[j + 1] = std::min(row[j + 1], before_last[j - 1] + 1);
        }
        before_last = std::exchange(last, row);
    }
    return last.back();
}

} // namespace

std::string nearest_to(std::string_view text, std::span<const std::string_view> words) {
    constexpr std::size_t longest = 64; // a longer text is no misspelled word
    if (text.empty() || text.size() > longest)
        return {};
    std::string_view nearest;
    std::size_t least =
        std::max<std::size_t>(2, text.size() / 3 + 1); // more than this many mistakes are a guess
    for (const std::string_view word : words) {
        if (const std::size_t mistakes = distance(text, word); mistakes < least) {
            nearest = word;
            least = mistakes;
        }
    }
    return nearest.empty() ? std::string() : fmt::format(", the nearest is {}", printable(nearest));
}

} // namespace cli
