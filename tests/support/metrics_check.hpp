// A strict reader of metrics in the text formats of Prometheus. It knows nothing of the program that wrote
// them.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace aoetest {

struct Metrics {
    std::vector<std::string> faults;       ///< What is wrong with the text; empty if it is in order.
    std::map<std::string, double> samples; ///< By name and labels, as they are in the text.
};

/// `strict_names`: the type of a counter stands under its name without "_total", as OpenMetrics demands;
/// otherwise under its full name, as Prometheus' own format does.
Metrics read_metrics(const std::string& text, bool strict_names);

} // namespace aoetest
