// The socket filter that leaves foreign frames in the kernel: answers, frames of VLANs or for other hosts,
// and requests for exports that are not here.
#pragma once

#include <aoetarget/address.hpp>

#include <span>
#include <vector>

#include <linux/filter.h>

namespace aoetarget::net {

/// What a filter keeps beyond the requests for the exports, so that it is shorter: the rest is for the core
/// to sort out.
enum class FilterDetail { exports, shelves, all_requests };

/// A classic BPF program for whole Ethernet frames that keeps AoE requests for these exports, wildcards
/// included, and no more than `detail` says; more where the exports are scattered so that it would become
/// longer than the kernel takes. The number of its steps grows with the logarithm of the number of exports.
std::vector<sock_filter> make_address_filter(std::span<const Address> addresses, FilterDetail detail);

} // namespace aoetarget::net
