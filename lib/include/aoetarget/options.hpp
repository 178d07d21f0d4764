// What can be chosen for a target, its interfaces and its exports.
#pragma once

#include <aoetarget/address.hpp>

#include <chrono>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace aoetarget {

struct TargetOptions {
    /// How many requests of an export each initiator may have under way, 2 to 65535. Advertised in Query
    /// Config; Linux opens a window of this size per interface of the target. What exceeds it is dropped, so
    /// that nobody takes the place of others (ExportStats::crowding). Less than 2 would make the Linux driver
    /// unusable.
    unsigned buffer_count = 128;
    /// Where the config string, the mask list and the reservation of each export are kept over restarts and
    /// power cuts, one file each. Made if it is not there. Empty: what initiators change is forgotten with
    /// the target.
    std::string state_directory = {};
    /// How long run() may stay awake when there is nothing to do, which it does only while the next frame or
    /// the disk usually takes no longer: it then answers several microseconds sooner. By default with no more
    /// work for the processor, since to sleep and to be woken costs as much; a larger value keeps a core busy
    /// under load. Up to 1 ms; 0: never.
    std::chrono::microseconds busy_poll{10};
};

/// How frames get from an interface to the target and back.
enum class LinkKind {
    /// XDP where the driver can do it itself and it serves all that arrives, else packet sockets.
    automatic,
    /// Packet sockets: with every interface and every MTU.
    packet,
    /// Requests and their answers pass the kernel's network stack by through AF_XDP, which is faster; the
    /// rest (wildcards, advertisements) through packet sockets. All other traffic of the interface, and other
    /// targets on it, are left alone. At least through the kernel's generic XDP, and from the first receive
    /// queue; refused where that is not to be had. A device that strips VLAN tags hides them from XDP, so a
    /// frame of a VLAN is then taken for an untagged one; automatic leaves such devices to packet sockets.
    /// Needs CAP_BPF and CAP_NET_ADMIN as well, no other XDP program on the interface, and Linux 6.6 where
    /// frames do not fit into a page. All this is demanded once, when the interface is added. Later packet
    /// sockets take over where it is not to be had any more, and do until it is: for a larger MTU, and when
    /// the interface was deleted and made anew, XDP is set up again, which needs the capabilities again.
    /// While the interface is down and comes up, or has a smaller MTU, or another MAC address, it stays. Some
    /// drivers take the link down for a moment to attach XDP, and switch off offloads that do not work with
    /// it (LRO).
    xdp,
};

struct InterfaceOptions {
    LinkKind link = LinkKind::automatic;
    /// How many sectors Query Config tells initiators to put into a frame at most, 1 to 255; never more than
    /// the MTU carries. 0: what the MTU carries, and where that is more than 8 the next lower multiple of 8,
    /// which keeps frames aligned to 4 KiB (16 sectors at MTU 9000, where 17 would fit). Longer requests that
    /// fit a frame are served all the same.
    unsigned sectors_per_frame = 0;

    bool operator==(const InterfaceOptions&) const = default;
};

struct ExportOptions {
    Address address;
    /// Up to 20 printable ASCII characters. Empty: derived from the machine, the device's identity() and the
    /// address. Initiators and multipath software recognise a disk by it, across hosts too.
    std::string serial = {};
    /// Up to 40 printable ASCII characters.
    std::string model = "libaoetarget virtual disk";
    /// If not empty, only these may ask, whatever the state directory says; an initiator may edit the list
    /// (MAC mask list). At most 255.
    std::vector<MacAddress> mask_list = {};
};

} // namespace aoetarget
#pragma GCC visibility pop
