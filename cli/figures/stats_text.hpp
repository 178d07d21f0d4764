// What `stats` prints for one period, as a table and as JSON.
#pragma once

#include "figures/rates.hpp"

#include <string>

namespace cli {

/// Returns a table with a line for each export.
std::string stats_table(const Rates& rates);

/// Returns an object in one line, without its end. `time`, the end of the period, is in seconds since 1970.
std::string stats_json(const Rates& rates, double time);

} // namespace cli
