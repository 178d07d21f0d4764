// Tables of text.
#pragma once

#include <string>
#include <vector>

namespace cli {

/// Returns a line for each row, with the cells of a column below each other. All rows have the same number of
/// cells.
std::string table(const std::vector<std::vector<std::string>>& rows);

} // namespace cli
