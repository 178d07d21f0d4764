// The figures of several targets in one process as if they were one target.
#pragma once

#include <aoetarget/stats.hpp>

#include <string_view>
#include <vector>

namespace cli {

/// Each of `threads` serves a part of the exports on the same interfaces. Exports are in the order of their
/// addresses, initiators in that of their exports' addresses and then of their own.
aoetarget::Stats join(const std::vector<aoetarget::Stats>& threads);

/// Returns whether one of the threads has XDP, by the text of the joined InterfaceStats::link.
bool is_over_xdp(std::string_view link);

} // namespace cli
