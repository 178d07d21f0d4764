// Why initiators are told a smaller buffer count than an interface's options ask for.
#pragma once

#include <string>

namespace aoetarget::net {

/// Returns the text of InterfaceStats::buffers_bound. `wanted` is the number of the options, `advertised`
/// that which is told, and `of_link` the number of frames that the receive buffer, or the lane, holds.
std::string buffer_bound(unsigned wanted, unsigned advertised, unsigned of_link, bool has_lane);

} // namespace aoetarget::net
