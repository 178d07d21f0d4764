// What a target does for a device that it serves: it tells the device when descriptors are ready and when
// time has passed, so that a device whose data come over a socket needs no thread and no loop of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#pragma GCC visibility push(default)
namespace aoetarget {

class BlockDevice;

/// Names a call that was asked for with a delay. 0 names none, and no number is used twice.
using CallId = std::uint64_t;

/// The target implements it, and a device gets it by BlockDevice::set_host(). It outlives the device.
///
/// All functions are called on the target's thread, as long as the target exists: other than those of the
/// host of the library (Target::watch() and so on), they continue while the target stops or is destroyed,
/// until no device has an Io any more. They must not throw. A device ends its watches and takes its calls
/// back before it is destroyed. Only post() may be called from any thread.
class DeviceHost {
  public:
    /// Calls `ready` at most once a turn, as long as poll(2) would tell one of `events` of `fd` (POLLIN,
    /// POLLOUT, POLLPRI), or one of POLLERR and POLLHUP, which are always told. A second call with the same
    /// number changes both. The device still owns `fd`, and must keep it open until unwatch(). If `fd` is not
    /// open or cannot be polled, `ready` is called once, with POLLNVAL. Throws std::system_error (EINVAL) if
    /// there is no function.
    virtual void watch(int fd, short events, std::function<void(short revents)> ready) = 0;
    /// Ends a watch. Its function is not called any more, and the device may close `fd`. Numbers that are not
    /// watched are ignored.
    virtual void unwatch(int fd) = 0;

    /// Calls `call` once, in the first turn that finds that `delay` has passed. Less than 0 counts as 0.
    /// Throws as watch() does.
    virtual CallId call_after(std::chrono::milliseconds delay, std::function<void()> call) = 0;
    /// Takes a call back, also one of call_at_turn_end(). Returns false if it was made before, or is unknown.
    virtual bool cancel_call(CallId id) = 0;

    /// Calls `call` at the end of this turn, or of the next one if none is under way or ends just now: when
    /// all operations that the turn brings have been submitted. The device may be destroyed before, so its
    /// destructor has to take the call back. Throws as watch() does.
    virtual CallId call_at_turn_end(std::function<void()> call) = 0;
    /// Calls `call` at the beginning of the next turn. Any thread may call this, but no signal handler: it
    /// takes a lock and memory. The caller makes sure that the device is still there: a thread that the
    /// device ends in its destructor is no danger. Throws as watch() does.
    virtual void post(std::function<void()> call) = 0;

    /// Asks the device for its capacity, as Target::resize_export() does. Does nothing unless the export uses
    /// `device` now.
    virtual void capacity_changed(const BlockDevice& device) = 0;
    /// Removes the export that uses `device` now, as Target::remove_export() does; EventKind::export_removed
    /// tells `why`, a human-readable sentence. It is for a volume that will not come back. The device has to
    /// complete the operations under way, and the flush that follows, with errors if it cannot do better.
    virtual void retire(const BlockDevice& device, const std::string& why) = 0;

  protected:
    ~DeviceHost() = default;
};

} // namespace aoetarget
#pragma GCC visibility pop
