// The socket filter that leaves foreign frames in the kernel: frames of VLANs or for other hosts, and those
// that concern exports that are not here.
#pragma once

#include <aoetarget/address.hpp>

#include <span>
#include <vector>

#include <linux/filter.h>

namespace aoetarget::net {

/// The frames that a filter keeps beyond the requests for the exports, so that it is shorter. The core sorts
/// them out.
enum class FilterDetail { exports, shelves, all_requests };

/// Returns a classic BPF program for whole Ethernet frames that keeps AoE requests for these exports,
/// wildcards included, and the frames that `detail` permits. It keeps more if the exports are so scattered
/// that it would become longer than the kernel takes. The number of its steps grows with the logarithm of the
/// number of exports. It also keeps `answers` for these exports, which are those of other targets.
std::vector<sock_filter> make_address_filter(std::span<const Address> addresses, FilterDetail detail,
                                             bool answers = true);

} // namespace aoetarget::net
