// All figures of a target as metrics.
#pragma once

#include "figures/metrics_text.hpp"
#include "figures/snapshot.hpp"

#include <string>
#include <string_view>

namespace cli {

/// `kernel` is the release of the kernel on which the target runs.
std::string metrics_of(const Snapshot& snapshot, std::string_view kernel, MetricsFormat format);

} // namespace cli
