// libaoetarget: serve block devices over ATA over Ethernet, from one io_uring ring.
//
//     aoetarget::Target target;
//     target.add_interface("eth0");
//     target.add_export({.address = {1, 1}}, aoetarget::open_file("/dev/sdb"));
//     target.run();
//
// A target belongs to one thread: the one that first calls run() or poll(). Before that it may be set up on
// another. Only stop() and Io::complete_from_any_thread() may be called from elsewhere. Targets share nothing
// with each other.
//
// Devices and watches may call the target that calls them: they may add and remove whatever they like, ask
// for statistics, and stop it. Such a call has the same effect as one between two turns. They may not call
// run() or poll(), nor destroy the target, and no exception may leave them. A device may also call the target
// while ~Target() destroys it, but can add nothing any more: see add_interface().
//
// The library starts no thread, installs no signal handler, writes to no stream and never
// ends the process. Set-up failures throw std::system_error with the interface or path, the cause and the
// cure; nothing on the data path throws.
#pragma once

#include <aoetarget/address.hpp>
#include <aoetarget/block_device.hpp>
#include <aoetarget/file_device.hpp>
#include <aoetarget/stats.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace aoetarget {

/// The library's version, "MAJOR.MINOR.PATCH".
const char* version() noexcept;

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

class Target {
  public:
    explicit Target(const TargetOptions& options = {});
    /// Ends as stop() and run() do if that has not been done: waits for the devices, and flushes them. On the
    /// target's thread, unless run() or poll() has come to its end after one stop(). Devices are destroyed
    /// before the rest of the target, and may still call it.
    ~Target();
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;

    /// Serves every export on the network interface of this name. It must exist, but may be down, and may
    /// later vanish, change its MTU or address, and come back. Needs CAP_NET_RAW in the interface's network
    /// namespace. Throws std::system_error; ECANCELED once stop() was called, which a host that stops from a
    /// signal handler may meet while it sets up, and while the target is destroyed.
    void add_interface(const std::string& name);
    /// The same. InterfaceStats::link tells what came of it. Throws std::system_error where options.link is
    /// LinkKind::xdp and cannot be had. Before the first run() or poll() it waits up to a second for another
    /// target's XDP to go, which takes the kernel a moment after that target was killed.
    void add_interface(const std::string& name, const InterfaceOptions& options);
    /// Requests that came in on it and are still under way are finished and not answered. Unknown names are
    /// ignored.
    void remove_interface(const std::string& name);

    /// Serves `device` on every interface and advertises it. Throws std::system_error (EEXIST) for an address
    /// in use, (EBUSY) while what was changed of an export that had it before is being saved, (EINVAL) for an
    /// option out of range or an impossible geometry, (ECANCELED) as add_interface() does. Returns what
    /// people should know, in sentences: that a damaged file of the state directory was set aside.
    std::vector<std::string> add_export(const ExportOptions& options, std::unique_ptr<BlockDevice> device);
    /// Stops answering at once, finishes what is under way, then flushes and destroys the device (at the end
    /// of a later turn of the loop). Returns false if there is no such export.
    bool remove_export(const Address& address);

    /// Calls `ready` on the target's thread whenever `fd` is readable (a signalfd, a control socket), which
    /// must be read empty there. `ready` must not throw: whatever it throws leaves run() or poll() in the
    /// middle of a turn. The fd stays the caller's and must stay open as long as the target lives. With
    /// poll() instead of run(), watch eventfds in the host's own loop: the kernel does not pass a second
    /// wake-up of one eventfd on to another, and fd() is one.
    void watch(int fd, std::function<void()> ready);

    /// Serves until stop(). Then: takes no new request, finishes what is under way, flushes every export,
    /// returns. Throws std::system_error only if the ring itself fails.
    void run();
    /// From any thread and from signal handlers, before run() too, which then only ends. A second call makes
    /// run() return without waiting for the devices.
    void stop() noexcept;

    /// For a host's own event loop: readable when poll() has something to do.
    [[nodiscard]] int fd() const noexcept;
    /// Does what there is to do, a bounded amount of it, and does not wait for frames, devices or time.
    /// Returns false once stop() has done its work.
    bool poll();

    [[nodiscard]] Stats stats() const;
    /// The kernel features in use, in one line for people: "io_uring: defer-taskrun, registered buffers,
    /// ...".
    [[nodiscard]] std::string features() const;

  private:
    class [[gnu::visibility("hidden")]] Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace aoetarget
