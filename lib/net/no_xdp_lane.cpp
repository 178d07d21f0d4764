// Replaces xdp_lane.cpp if the library is built without XDP.
#include "net/refusal.hpp"
#include "net/xdp_lane.hpp"

#include <cerrno>

namespace aoetarget::net {
namespace {

[[noreturn]] void refuse() {
    throw Refusal(ENOSYS, "this library was built without XDP");
}

} // namespace

void XdpLane::check(const std::string&, const core::FramePool::Layout&, bool) {
    refuse();
}

void XdpLane::check_program() {
    refuse();
}

std::unique_ptr<XdpLane> XdpLane::open(const std::string&, const InterfaceState&, ring::Ring&, FrameMemory&,
                                       Receiver&, bool, const Patience&) {
    refuse();
}

bool XdpLane::suits(const core::FramePool::Layout&) {
    return true;
}

} // namespace aoetarget::net
