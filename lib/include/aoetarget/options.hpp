// The options of a target, its interfaces and its exports.
#pragma once

#include <aoetarget/address.hpp>
#include <aoetarget/event.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace aoetarget {

struct TargetOptions {
    /// The number of requests that each initiator may have under way at an export, 2 to 65535. Query Config
    /// advertises it; Linux opens a window of this size per interface of the target. The target drops the
    /// requests beyond it, so that no initiator takes the place of others (ExportStats::crowding). With less
    /// than 2 the Linux driver never sends.
    unsigned buffer_count = 128;
    /// The directory that keeps the config string, the mask list and the reservation of each export across
    /// restarts and power cuts, in one file per export. The target makes the directory, but not its parents,
    /// if it does not exist. If this is empty, the target forgets these settings when it ends.
    std::string state_directory = {};
    /// The time for which run() may stay awake when there is nothing to do, 0 to 1000 us. It does so only
    /// while the next frame or the disk usually takes no longer, and then answers several microseconds
    /// sooner. The default costs no more processor time than to sleep and be woken; a larger value keeps a
    /// core busy under load. With 0 it always sleeps.
    std::chrono::microseconds busy_poll{10};
    /// The time for which ~Target() waits for devices that have operations, 0 to a day. Then it gives up: it
    /// returns, and what such a device may still use is never freed: the device itself, the memory of its
    /// requests, and the ring. Interfaces and the other devices are released. Later completions of the
    /// operations are harmless. Unset means for as long as it takes.
    std::optional<std::chrono::milliseconds> device_patience = {};
    /// The target calls this for each event, on its own thread at the end of a turn of the loop. It must not
    /// block or throw. It may call the target as devices may (target.hpp). If it is empty, the target tells
    /// no events.
    std::function<void(const Event&)> on_event = {};
};

/// The way that frames take between an interface and the target.
enum class LinkKind {
    /// The target uses XDP if the driver supports it natively, one AF_XDP socket gets all that arrives, and
    /// nobody has set up filters of received frames (tc, tcx, nftables), which AF_XDP passes by; else packet
    /// sockets.
    automatic,
    /// The target uses packet sockets, which work with every interface and every MTU.
    packet,
    /// AF_XDP carries requests and their answers, which is faster because they bypass the kernel's network
    /// stack; packet sockets carry the rest (wildcards, advertisements). All other traffic of the interface,
    /// and other targets on it, stay as they are. XDP may be the kernel's generic one, and serves the first
    /// receive queue. It needs CAP_BPF and CAP_NET_ADMIN too, no other XDP program on the interface, and
    /// Linux 6.6 if frames do not fit into a page. If any of this is missing when the interface is added,
    /// add_interface() throws. Later, packet sockets take over for as long as XDP is not possible. XDP is set
    /// up again after a change to a larger MTU and after the interface was deleted and made anew, which needs
    /// the capabilities again. It stays while the interface goes down and comes up, and while it has a
    /// smaller MTU or another MAC address. A device that strips VLAN tags hides them from XDP, so the target
    /// takes a frame of a VLAN for an untagged one; with `automatic`, such devices get packet sockets. Some
    /// drivers take the link down for a moment to attach XDP, and switch off offloads that do not work with
    /// it (LRO).
    xdp,
};

/// Whether answers go through the queueing discipline of an interface ('tc qdisc'), and the filters of frames
/// that are sent, or to the device at once, which is faster.
enum class QdiscUse {
    /// The target bypasses what the kernel gives to an interface by itself: noqueue, pfifo_fast, fq_codel,
    /// fq, and mq of these. As long as somebody has configured another one, or filters of frames that are
    /// sent (clsact, tcx, nftables), answers go through it from packet sockets, and LinkKind::automatic uses
    /// no AF_XDP.
    automatic,
    bypass, ///< The target always bypasses it.
    honour, ///< Answers always go through it. LinkKind::automatic uses no AF_XDP.
};

struct InterfaceOptions {
    LinkKind link = LinkKind::automatic;
    QdiscUse qdisc = QdiscUse::automatic;
    /// The number of sectors that Query Config tells initiators to put into a frame at most, 1 to 255. It
    /// never advertises more than fit the MTU. 0 advertises as many as fit the MTU, rounded down to a
    /// multiple of 8 if they are more than 8, which keeps frames aligned to 4 KiB (16 sectors at MTU 9000,
    /// although 17 would fit). The target also serves longer requests that fit a frame.
    unsigned sectors_per_frame = 0;
    /// The interface need not be there: it is served as soon as it is. A pattern always waits. XDP is then
    /// set up as far as it can be had.
    bool wait = false;
    /// The number of requests that each initiator may have under way at an export through this interface, 2
    /// to 65535. 0 is TargetOptions::buffer_count.
    unsigned buffer_count = 0;
    /// The time between regular advertisements of all exports, up to a day. 0 advertises only when something
    /// changes, and when a new initiator broadcasts.
    std::chrono::seconds advertise_interval{0};

    bool operator==(const InterfaceOptions&) const = default;
};

struct ExportOptions {
    Address address;
    /// The serial number, up to 20 printable ASCII characters. If it is empty, the target derives one from
    /// the machine, the device's identity() and the address. Initiators and multipath software recognise a
    /// disk by it, across hosts too.
    std::string serial = {};
    /// The model, up to 40 printable ASCII characters.
    std::string model = "libaoetarget virtual disk";
    /// The initiators that may use the export, at most 255 (MAC mask list). If it is not empty, it replaces
    /// the list in the state directory; if both are empty, every initiator may. Initiators can edit the list.
    std::vector<MacAddress> mask_list = {};
    /// While the device fails, failed requests stay unanswered for this time, counted from the first failure.
    /// Initiators repeat them, Linux for 180 s; each repetition reaches the device again, so nobody notices
    /// the failure if the device recovers in time. After that, errors are answered. At most a day; 0 answers
    /// all errors at once. Unset is the same as 0, except that writes that find no space (ENOSPC, EDQUOT)
    /// stay unanswered for up to 60 s, so that file systems on the initiators do not become read-only.
    std::optional<std::chrono::milliseconds> silence_on_error = {};
    /// A request that the device has not finished this long after it arrived is answered as a device fault,
    /// because current Linux initiators crash when a disk has not answered for 180 s. The device keeps the
    /// memory of the request, and nothing that overlaps it starts before the device has ended it. While such
    /// requests are at least half of what the export holds, the target answers those for which there is no
    /// room as faults at once. At most a day; 0 means never.
    std::chrono::milliseconds device_timeout = std::chrono::seconds(150);
    /// The initiators that the operator allows, at most 255 patterns. If it is empty, all are. Others
    /// get no answer, whatever the mask list says. If the list has a pattern for several addresses,
    /// advertisements are broadcasts, which others see too. Initiators can neither read nor change it.
    std::vector<MacPattern> allow = {};
    /// If it is true, initiators cannot change the config string, the mask list and the reservation. They can
    /// read all three.
    bool fixed = false;
    /// The interfaces that serve the export: names, or patterns as in a shell ("eth*"; see fnmatch(3)). The
    /// names that they have when the export or they are added count, alternative ones too. If it is empty,
    /// all do. On others the export does not exist.
    std::vector<std::string> interfaces = {};

    bool operator==(const ExportOptions&) const = default;
};

} // namespace aoetarget
#pragma GCC visibility pop
