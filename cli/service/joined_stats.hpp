// The figures of several targets in one process as if they were one target.
#pragma once

#include <aoetarget/stats.hpp>

#include <vector>

namespace cli {

/// Each of `threads` serves a part of the exports on the same interfaces. Exports are in the order of their
/// addresses, initiators in that of their exports' addresses and then of their own.
aoetarget::Stats join(const std::vector<aoetarget::Stats>& threads);

} // namespace cli
