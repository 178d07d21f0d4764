// The XDP program that hands one interface's AoE requests to an AF_XDP socket and everything else to the
// kernel, as if it were not there. It is attached by a BPF link: whatever ends this process detaches it.
#pragma once

#include <aoetarget/address.hpp>

#include "net/patience.hpp"
#include "ring/file_descriptor.hpp"

#include <set>
#include <span>
#include <string>

namespace aoetarget::net {

class XdpProgram {
  public:
    /// Native: run by the driver. Generic: by the kernel, once it has made a packet of the frame, which gains
    /// little.
    enum class Mode { native, generic };

    /// Attached, and passes everything until there is a socket and a destination. `patience`: with another
    /// program on the interface, which may be on its way out. Throws Refusal.
    XdpProgram(int interface_index, Mode mode, const Patience& patience);

    /// What is taken: untagged requests from `mac`'s own unicast frames for just these exports. Others on
    /// this machine may serve the other slots of the same shelf, and everybody has to see a wildcard, so
    /// neither is taken.
    void set_destinations(const MacAddress& mac, std::span<const Address> addresses);
    /// From now on they go to this AF_XDP socket if they arrive on this queue.
    void set_socket(std::uint32_t queue, int fd);
    /// From now on the time (CLOCK_MONOTONIC, in nanoseconds, stamp_bytes of them) stands before every frame
    /// that is taken. Where that cannot be had, as with a driver that has no room for it, nothing is written
    /// there.
    void stamp();
    static constexpr std::size_t stamp_bytes = sizeof(std::uint64_t);
    /// Everything goes to the kernel again.
    void detach();

  private:
    /// What of a frame is looked up.
    struct Destination {
        MacAddress mac;
        Address address;

        auto operator<=>(const Destination&) const = default;
    };

    ring::FileDescriptor sockets_;      ///< XSKMAP: by receive queue.
    ring::FileDescriptor destinations_; ///< Set of Destination.
    ring::FileDescriptor link_;
    std::set<Destination> known_; ///< What is in destinations_.
};

} // namespace aoetarget::net
