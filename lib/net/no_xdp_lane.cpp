// Replaces xdp_lane.cpp if the library is built without XDP.
#include "net/refusal.hpp"
#include "net/xdp_lane.hpp"

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

namespace aoetarget::net {
namespace {

[[noreturn]] void refuse() {
    throw Refusal(ENOSYS, "this library was built without XDP");
}

} // namespace

void XdpLane::check_offloads(const std::string&, bool) {
    refuse();
}

void XdpLane::check_layout(const core::FramePool::Layout&, bool) {
    refuse();
}

void XdpLane::check_program() {
    refuse();
}

std::shared_ptr<XdpProgram> XdpLane::attach(const InterfaceState&, bool, const Patience&) {
    refuse();
}

std::shared_ptr<XdpProgram> XdpLane::adopt(std::vector<ring::FileDescriptor>, bool) {
    refuse();
}

std::vector<int> XdpLane::descriptors(const XdpProgram&) {
    refuse();
}

bool XdpLane::is_generic(const XdpProgram&) {
    refuse();
}

std::unique_ptr<XdpLane> XdpLane::open(const InterfaceState&, ring::Ring&, FrameMemory&, Receiver&, bool,
                                       const Patience&, std::shared_ptr<XdpProgram>&) {
    refuse();
}

} // namespace aoetarget::net
