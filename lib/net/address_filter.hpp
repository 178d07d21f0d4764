// The socket filter that leaves foreign frames in the kernel: answers, frames of VLANs or for other hosts,
// and requests for exports that are not here.
#pragma once

#include <aoetarget/address.hpp>

#include <span>
#include <vector>

#include <linux/filter.h>

namespace aoetarget::net {

/// A classic BPF program for whole Ethernet frames that keeps AoE requests for these exports, wildcards
/// included. It takes a number of steps that grows with the logarithm of the number of exports. Where they
/// are scattered so that it would become longer than the kernel takes, it keeps whole shelves, or all
/// requests: the rest is for the core to sort out.
std::vector<sock_filter> make_address_filter(std::span<const Address> addresses);

} // namespace aoetarget::net
