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
#include <aoetarget/options.hpp>
#include <aoetarget/stats.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace aoetarget {

/// The library's version, "MAJOR.MINOR.PATCH".
const char* version() noexcept;

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
#pragma GCC visibility pop
