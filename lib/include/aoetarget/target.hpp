// libaoetarget: serve block devices over ATA over Ethernet, from one io_uring ring.
//
//     aoetarget::Target target;
//     target.add_interface("eth0");
//     target.add_export({.address = {1, 1}}, aoetarget::open_file("/dev/sdb"));
//     target.run();
//
// A target belongs to the thread that first calls run() or poll(). Before that, another thread may set it up.
// Other threads may call only post(), stop() and Io::complete_from_any_thread(). Targets share nothing with
// each other.
//
// Devices and functions of the host may call the target that calls them: they may add, change and remove
// interfaces, exports, watches and calls, ask for statistics, and stop it. Such a call has the same effect as
// one between two turns of the loop. They must not call run() or poll(), destroy the target, or throw,
// because an exception would leave run() or poll() in the middle of a turn. A device, and what a function of
// the host owns, may also call the target while ~Target() destroys it, but can add nothing any more: see
// add_interface() and post().
//
// The library starts no thread, installs no signal handler, writes to no stream and never ends the process.
// Set-up failures throw std::system_error with the interface or path, the cause and the cure; the data path
// never throws.
#pragma once

#include <aoetarget/address.hpp>
#include <aoetarget/block_device.hpp>
#include <aoetarget/device_host.hpp>
#include <aoetarget/file_device.hpp>
#include <aoetarget/hand_over.hpp>
#include <aoetarget/options.hpp>
#include <aoetarget/stats.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace aoetarget {

/// The library's version, "MAJOR.MINOR.PATCH".
const char* version() noexcept;

class Target {
  public:
    /// Sets up the ring and the state directory. Throws std::system_error, with EINVAL if an option is out of
    /// range.
    explicit Target(const TargetOptions& options = {});
    /// Ends the target as stop() and run() do, unless they have done so: it waits for the devices and flushes
    /// them, at most for TargetOptions::device_patience. Destroy the target on its own thread; any thread may
    /// do it after run() has returned, or poll() has returned false, following a single stop(). The target
    /// destroys its devices before the rest of itself, so that they may still call it.
    ~Target();
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;

    /// Serves every export on the network interface of this name, which may be an alternative one. It must
    /// exist, but may be down, and may later vanish, change its MTU, address or name, and come back. An
    /// interface that gets another name stays the same interface, and Stats and events give that name from
    /// then on. Once it is gone, the next one with the name of this call takes its place. remove_interface()
    /// and change_interface() know it by the name of this call, and by its present one, unless that is the
    /// name of another call.
    ///
    /// A name with * or ? is a pattern as a shell has it ("vnet*"): every Ethernet interface is served that
    /// has such a name, for as long as it is there, except the loopback interface and those that are added by
    /// name. InterfaceOptions::wait lets a single interface come later. An interface that a pattern has taken
    /// keeps AF_XDP when it is added by name.
    ///
    /// This needs CAP_NET_RAW in the interface's network namespace. Throws std::system_error, with EEXIST if
    /// the target already uses the interface, and with ECANCELED after stop() (which a signal handler may
    /// call while the host still sets up) and while the target is destroyed. While the target runs, it tells
    /// EventKind::interface_added.
    void add_interface(const std::string& name);
    /// Does the same with options. InterfaceStats::link tells which link the target uses. Throws
    /// std::system_error also if an option is out of range (EINVAL), and if options.link is LinkKind::xdp and
    /// XDP is not possible. Before the first run() or poll(), this call waits up to a second for the XDP
    /// program of another target to go, because the kernel removes it only a moment after that target was
    /// killed. With `prepared` it takes no rights, except CAP_NET_RAW for AF_XDP; the target uses those
    /// sockets also when the interface has gone and come back. A pattern cannot have it (EINVAL).
    void add_interface(const std::string& name, const InterfaceOptions& options,
                       std::unique_ptr<PreparedInterface> prepared = nullptr);
    /// Gives an interface other options while it is served, or a pattern: then those that it has taken, which
    /// cannot be changed one by one, and those that it will take. The options are a whole set: those that are
    /// not named get their default. `wait` is not looked at: what waits goes on waiting.
    ///
    /// All exports are advertised there at once, because initiators take the buffer count and the sectors per
    /// frame from that. Requests that are longer or more than it says now are served as long as they fit a
    /// frame and its memory; those under way are answered. `link` may become LinkKind::xdp if the target has
    /// the rights for it at that time, or `prepared` brings what takes them. If not, packet sockets serve,
    /// and EventKind::lane_lost tells it. Until XDP is set up they do as well.
    ///
    /// No request and no answer gets lost, except in these cases, in which initiators repeat what was lost:
    /// while XDP is set up or ended, some drivers take the link down for a moment; and when XDP ends soon
    /// after it began, while older frames still wait in the packet socket, those in its queue are dropped.
    ///
    /// Returns false if the target neither serves the interface nor waits for it. Throws std::system_error
    /// (EINVAL) if an option is out of range, or `prepared` is for a pattern, (ECANCELED) as add_interface()
    /// does; then nothing changes. Otherwise it tells EventKind::interface_changed, with `what`, the options
    /// that differ, as human-readable text.
    bool change_interface(const std::string& name, const InterfaceOptions& options,
                          std::unique_ptr<PreparedInterface> prepared = nullptr,
                          const std::string& what = {});
    /// Gives what add_interface() was called for another name, as if it had been called with that: for an
    /// interface that got it while it is served. Nothing else changes. Returns false if the target neither
    /// serves nor waits for such an interface. Throws std::system_error with EEXIST if the target was given
    /// the other name, too, with EINVAL if one of them is a pattern, and with ECANCELED as add_interface()
    /// does.
    bool rename_interface(const std::string& name, const std::string& new_name);
    /// Stops serving on the interface, or on all that a pattern has taken, which cannot be removed one by
    /// one. The target finishes requests that came in there and are still under way, and does not answer
    /// them. While it runs, it tells EventKind::interface_removed. It ignores unknown names.
    void remove_interface(const std::string& name);

    /// Serves `device` on every interface and advertises it. The target owns the device, and destroys it also
    /// if this throws. Throws std::system_error with EEXIST if the address is in use, EBUSY while the state
    /// of an earlier export with this address is being saved, EINVAL if an option is out of range or the
    /// geometry is impossible, ECANCELED as add_interface() does, and other errors if the file in the state
    /// directory cannot be read. Returns human-readable sentences: that a damaged file of the state directory
    /// was set aside.
    std::vector<std::string> add_export(const ExportOptions& options, std::unique_ptr<BlockDevice> device);
    /// Gives the export with this address other options while it serves: `allow`, `fixed`, `interfaces`,
    /// `silence_on_error` and `device_timeout`. The options are a whole set: those that are not named get
    /// their default. No request is lost: those that were taken before are finished, and answered where they
    /// came from. At once,
    /// - hosts that `allow` excludes, and all hosts on an interface that left the list, do not find the
    ///   export any more. Writes that had arrived before and were not yet read are dropped, those of other
    ///   hosts too, which repeat them; so what an excluded host has sent does not take effect later, when it
    ///   is let in again. To widen a list has no such effect.
    /// - the export is advertised on the interfaces that came to the list, and everywhere if `allow` has
    ///   changed. As for add_export(), the present names of interfaces count; the same list changes nothing.
    /// - a request under way that is older than a new `device_timeout` is answered as a fault of the device
    ///   within 10 ms, and a longer one counts for all that were not yet. A new `silence_on_error` counts
    ///   from the first failure of the present trouble.
    /// What initiators have set stays: `mask_list` is not looked at. Returns false if there is no such
    /// export. Throws std::system_error with EINVAL if an option is out of range, if `model` or `serial` are
    /// others than now (an empty `serial` means the present one), and with ECANCELED as add_interface() does;
    /// then nothing changes. Otherwise it tells EventKind::export_changed.
    bool change_export(const ExportOptions& options);
    /// Replaces the device of an export: to open a disk again after a failed flush, with other options, or
    /// with a larger size. The serial number and everything that initiators have set stay. Returns at once.
    /// The present device finishes the requests under way and is flushed; then the other takes over
    /// (EventKind::export_swapped, with `what`, the options that differ, as human-readable text), and the old
    /// one is destroyed. Requests wait meanwhile, or the target
    /// drops them and initiators repeat them; none fails. As long as the present device does not end a
    /// request, the other does not take over, because the late request might still change the same disk. If
    /// the flush fails, the other takes over nevertheless; EventKind::flush_failed tells it if answered
    /// writes may be lost (Geometry::volatile_cache). While a device waits to take over, another call
    /// replaces it. Block sizes, alignment and other properties may differ. Returns false if there is no such
    /// export. Throws std::system_error (EINVAL) if the device has fewer sectors or an impossible geometry,
    /// (EBUSY) if it shares the lock of a device of another export, (ECANCELED) as add_interface() does; then
    /// nothing changes.
    bool replace_device(const Address& address, std::unique_ptr<BlockDevice> device,
                        const std::string& what = {});
    /// Returns whether the device shares a lock (FileOptions::replaces, put_together()) with a device of
    /// another export than this one, so that both would serve the same sectors.
    [[nodiscard]] bool shares_foreign_lock(const Address& address, const BlockDevice& device) const;
    /// Returns the sectors that initiators know of, which another device must have at least, or nothing if
    /// there is no such export. Call it on the target's thread.
    [[nodiscard]] std::optional<std::uint64_t> export_sectors(const Address& address) const;
    /// Returns the sectors that the device of an export has, as far as the target knows by
    /// Target::resize_export(), or nothing if there is no such export. They are fewer than export_sectors()
    /// if the device has shrunk. Call it on the target's thread.
    [[nodiscard]] std::optional<std::uint64_t> device_sectors(const Address& address) const;
    /// Asks the device of an export for its capacity, and takes over a larger one: IDENTIFY has it, the
    /// target advertises the export, and tells of it (EventKind::export_resized). A smaller one it only tells
    /// of, because initiators know the old one. An export of a file or block device without
    /// FileOptions::length_bytes can grow with it; for a block device the target makes this call by itself
    /// when the kernel tells that the device has changed. Like add_export(), it may wait for a disk. Returns
    /// the capacity in sectors, or 0 if there is no such export.
    std::uint64_t resize_export(const Address& address);
    /// Stops answering for the export at once, finishes the requests under way, then flushes and destroys the
    /// device, at the end of a later turn of the loop. Stats::failed_last_flushes counts the export if that
    /// flush fails. Returns false if there is no such export.
    bool remove_export(const Address& address);
    /// Does the same, and calls `gone` on the target's thread once the device has been destroyed, so that its
    /// file or disk is free, or another export may serve it. If the target ends first, or if there is no such
    /// export, `gone` is destroyed without being called.
    bool remove_export(const Address& address, std::function<void()> gone);

    /// Calls `ready` on the target's thread, at most once a turn, as long as poll(2) would tell one of
    /// `events` of `fd` (POLLIN, POLLOUT, POLLPRI), or one of POLLERR and POLLHUP, which are always told. So
    /// what `ready` leaves unread it is called for again, and after POLLHUP it should call unwatch(). A
    /// second call with the same number changes both: it takes the place of the first. The caller still owns
    /// `fd`, and must keep it open until unwatch() or the end of the target. If `fd` is not open or cannot be
    /// polled, `ready` is called once, with POLLNVAL. When the target has ended, this does nothing. Throws
    /// std::system_error (EINVAL) if there is no function.
    ///
    /// If the host calls poll() instead of run(), watch eventfds in the host's own loop: the kernel does not
    /// pass a second wake-up of one eventfd on to another, and fd() is an eventfd.
    void watch(int fd, short events, std::function<void(short revents)> ready);
    /// Does the same for POLLIN: `ready` is called whenever `fd` is readable (or has an error, as above).
    void watch(int fd, std::function<void()> ready);
    /// Ends a watch. From now on its function is not called any more, and the caller may close `fd`; the
    /// kernel lets go of the file with the end of the turn. `ready` may end its own watch; its function is
    /// destroyed when it has returned. Numbers that are not watched are ignored.
    void unwatch(int fd);

    /// Calls `call` on the target's thread, at the beginning of the next turn. Calls are made in the order in
    /// which they were posted. Any thread may call this, also before run() and from a device's own threads,
    /// but no signal handler: it takes a lock and memory. What `call` owns is destroyed after it.
    ///
    /// The target makes calls until it has ended: until run() returns or poll() returns false, or ~Target()
    /// begins. What it has not called by then it destroys on its own thread without calling it, and what is
    /// posted later is destroyed by this call. So let a thread that waits for its function also learn of its
    /// destruction, by something that the function owns. As long as another thread may post, the
    /// target must not be destroyed. Two kinds of threads are no danger: that of a device which ends it in
    /// its destructor, and one whose function has been called or destroyed. Throws std::system_error (EINVAL)
    /// if there is no function.
    void post(std::function<void()> call);
    /// Calls `call` once on the target's thread, in the first turn that finds that `delay` has passed since
    /// now. Less than 0 counts as 0, and a function that asks for itself again is called at most once a turn.
    /// What is due in one turn is called in the order of times. When the target ends, functions that wait are
    /// destroyed without being called, as those of post() are; after that, this destroys `call` and returns
    /// 0. Throws std::system_error (EINVAL) if there is no function.
    CallId call_after(std::chrono::milliseconds delay, std::function<void()> call);
    /// Ends what call_after() began: the function is not called any more. Returns false if it has been called
    /// before (or calls this), was cancelled, or is unknown.
    bool cancel_call(CallId id);

    /// Serves until stop(). Then it takes no new request, finishes those under way, flushes every export, and
    /// returns. Throws std::system_error only if the ring itself fails.
    void run();
    /// Stops the target. Any thread and any signal handler may call this, also before run(), which then only
    /// ends the target. A second call makes run() return without waiting for the devices.
    void stop() noexcept;

    /// Returns a descriptor for the host's own event loop, which is readable when poll() has something to do.
    /// The target owns it.
    [[nodiscard]] int fd() const noexcept;
    /// Does a bounded amount of the work that is ready, and does not wait for frames, devices or time.
    /// Returns false once the target has ended after stop(). Throws std::system_error only if the ring itself
    /// fails.
    bool poll();

    /// Returns a snapshot of all counters. Call it on the target's thread.
    [[nodiscard]] Stats stats() const;
    /// Returns the kernel features in use, as one human-readable line: "io_uring: defer-taskrun, registered
    /// buffers, ...".
    [[nodiscard]] std::string features() const;

  private:
    class [[gnu::visibility("hidden")]] Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace aoetarget
#pragma GCC visibility pop
