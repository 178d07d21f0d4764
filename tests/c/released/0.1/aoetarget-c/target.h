// The target: its loop, its interfaces, its exports, and the functions of the host that it calls.
#ifndef AOETARGET_C_TARGET_H
#define AOETARGET_C_TARGET_H

#include <aoetarget-c/base.h>
#include <aoetarget-c/hand_over.h>
#include <aoetarget-c/options.h>

// --- Life and loop -------------------------------------------------------------------------------

/// Sets up the ring and the state directory. The caller owns the target. Errors are EINVAL if an option is
/// out of range, E2BIG, those of io_uring_setup(2), which the text explains, and those of the directory.
/// Since 0.1.
AOETARGET_API aoetarget_target* aoetarget_create(const struct aoetarget_target_options* options);

/// Ends the target as aoetarget_stop() and aoetarget_run() do, unless they have done so: it waits for the
/// devices, flushes and destroys them. They may still call the target, but can add nothing any more
/// (ECANCELED). Returns 0; then the target is gone. On a wrong thread (EPERM) and within a callback (EDEADLK)
/// it stays as it is. NULL is ignored. Since 0.1.
AOETARGET_API int aoetarget_destroy(aoetarget_target* target);

/// Serves until aoetarget_stop(). Then it takes no new request, finishes those under way, flushes every
/// export, and returns 0. Other errors than EPERM and EDEADLK mean that the ring has failed. Since 0.1.
AOETARGET_API int aoetarget_run(aoetarget_target* target);

/// Stops the target. Any thread and any signal handler may call this, also before aoetarget_run(), which then
/// only ends the target. A second call makes aoetarget_run() return without waiting for the devices. NULL is
/// ignored. Since 0.1.
AOETARGET_API void aoetarget_stop(aoetarget_target* target);

/// Returns a descriptor for the host's own event loop, which is readable when aoetarget_poll() has something
/// to do. It is the same, and the target owns it, from aoetarget_create() to aoetarget_destroy(); nobody else
/// may read it. Wait for it level-triggered (EPOLLIN without EPOLLET). A wake-up may find nothing to do.
/// Since 0.1.
AOETARGET_API int aoetarget_fd(aoetarget_target* target);

/// Does a bounded amount of the work that is ready, and does not wait for frames, devices or time. Returns 1
/// as long as the target serves, and 0 once it has ended after aoetarget_stop(). Other errors than EPERM and
/// EDEADLK mean that the ring has failed. Since 0.1.
AOETARGET_API int aoetarget_poll(aoetarget_target* target);

/// Writes the kernel features in use as one human-readable line: "io_uring: defer-taskrun, ...". It writes at
/// most `bytes`, with a zero at the end, and returns the length of the whole text, as snprintf() does. Since
/// 0.1.
AOETARGET_API int aoetarget_features(aoetarget_target* target, char* text, size_t bytes);

// --- Interfaces ----------------------------------------------------------------------------------

/// Serves every export on the network interface of this name, which may be an alternative one. It must exist,
/// but may be down, and may later vanish, change its MTU, address or name, and come back. A name with * or ?
/// is a pattern as a shell has it ("vnet*"): every Ethernet interface is served that has such a name, for as
/// long as it is there, except the loopback interface and those that are added by name.
///
/// This needs CAP_NET_RAW in the interface's network namespace, or `prepared`, which may be NULL; a pattern
/// cannot have it. The target owns `prepared` from now on, also if this fails. Returns 0. Errors: EEXIST if
/// the target already uses the interface, ECANCELED after aoetarget_stop(), EINVAL if an option is out of
/// range, E2BIG, and those of sockets and XDP. Since 0.1.
AOETARGET_API int aoetarget_add_interface(aoetarget_target* target, const char* name,
                                          const struct aoetarget_interface_options* options,
                                          aoetarget_prepared_interface* prepared);

/// Gives an interface, or a pattern and all that it has taken, other options while it is served. The options
/// are a whole set: those that are not named get their default. `wait` is not looked at. All exports are
/// advertised there at once. `link` may become AOETARGET_LINK_XDP if the target has the rights for it at that
/// time, or `prepared` brings them. If not, packet sockets serve, and AOETARGET_EVENT_LANE_LOST tells it.
/// While XDP is set up or ended, some frames may get lost, which initiators repeat. `prepared` as above.
/// Returns 0. Errors: ENOENT if the target neither serves the interface nor waits for it, EINVAL, E2BIG,
/// ECANCELED; then nothing changes. Since 0.1.
AOETARGET_API int aoetarget_change_interface(aoetarget_target* target, const char* name,
                                             const struct aoetarget_interface_options* options,
                                             aoetarget_prepared_interface* prepared);

/// Gives what aoetarget_add_interface() was called for another name, as if it had been called with that.
/// Returns 0. Errors: ENOENT if there is no such interface, EEXIST if the target was given the other name
/// too, EINVAL if one of them is a pattern, ECANCELED. Since 0.1.
AOETARGET_API int aoetarget_rename_interface(aoetarget_target* target, const char* name,
                                             const char* new_name);

/// Stops serving on the interface, or on all that a pattern has taken. The target finishes requests that came
/// in there and are still under way, and does not answer them. It ignores unknown names. Returns 0. Since
/// 0.1.
AOETARGET_API int aoetarget_remove_interface(aoetarget_target* target, const char* name);

// --- Exports -------------------------------------------------------------------------------------

/// Serves `device` on every interface and advertises it. The target owns the device from now on, and has
/// destroyed it if this fails. Returns the number of notes, usually 0: see aoetarget_export_note(). Errors:
/// EEXIST if the address is in use, EBUSY while the state of an earlier export with this address is being
/// saved, EINVAL if an option is out of range, the geometry is impossible or there is no device, E2BIG,
/// ECANCELED after aoetarget_stop(), and others if the file in the state directory cannot be read. Since 0.1.
AOETARGET_API int aoetarget_add_export(aoetarget_target* target,
                                       const struct aoetarget_export_options* options,
                                       aoetarget_device* device);

/// Returns one of the human-readable sentences about the export that was added last: that a damaged file of
/// the state directory was set aside. It stays until the next aoetarget_add_export() for this target. Returns
/// NULL (ENOENT) from the first `index` on that has none. Since 0.1.
AOETARGET_API const char* aoetarget_export_note(aoetarget_target* target, size_t index);

/// Gives the export with this address other options while it serves: `allow`, `fixed`, `interfaces`,
/// `silence_on_error_ms` and `device_timeout_ms`. The options are a whole set: those that are not named get
/// their default; `mask_list` is not looked at. No request is lost, except that after `allow` has excluded
/// hosts, writes that had arrived and were not yet read are dropped, and repeated. Returns 0. Errors: ENOENT
/// if there is no such export, EINVAL if an option is out of range or `model` or `serial` are others than now
/// (an empty `serial` means the present one), E2BIG, ECANCELED; then nothing changes. Since 0.1.
AOETARGET_API int aoetarget_change_export(aoetarget_target* target,
                                          const struct aoetarget_export_options* options);

/// Replaces the device of an export: to open a disk again after a failed flush, with other options, or with a
/// larger size. The target owns the device from now on, and has destroyed it if this fails. Serial number and
/// settings stay. Returns 0 at once. The present device finishes the requests under way and is flushed; then
/// the other takes over (AOETARGET_EVENT_EXPORT_SWAPPED), and the old one is destroyed. Requests wait
/// meanwhile or are repeated; none fails. Errors: ENOENT if there is no such export, EINVAL if the device has
/// fewer sectors, an impossible geometry, or is NULL, EBUSY if it shares the lock of a device of another
/// export, ECANCELED; then nothing changes. Since 0.1.
AOETARGET_API int aoetarget_replace_device(aoetarget_target* target, uint16_t shelf, uint8_t slot,
                                           aoetarget_device* device);

/// Returns 1 if the device shares a lock with a device of another export than this one, so that both would
/// serve the same sectors; else 0. Since 0.1.
AOETARGET_API int aoetarget_shares_foreign_lock(aoetarget_target* target, uint16_t shelf, uint8_t slot,
                                                const aoetarget_device* device);

/// Stores the sectors that initiators know of, which another device must have at least. Returns 0, or ENOENT
/// if there is no such export. Since 0.1.
AOETARGET_API int aoetarget_export_sectors(aoetarget_target* target, uint16_t shelf, uint8_t slot,
                                           uint64_t* sectors);

/// Stores the sectors that the device of an export has, as far as the target knows by
/// aoetarget_resize_export(): fewer than aoetarget_export_sectors() stores, if the device has shrunk. Returns
/// 0, or ENOENT if there is no such export. Since 0.1.
AOETARGET_API int aoetarget_device_sectors(aoetarget_target* target, uint16_t shelf, uint8_t slot,
                                           uint64_t* sectors);

/// Asks the device of an export for its capacity, and takes over a larger one. A smaller one it only tells of
/// (AOETARGET_EVENT_EXPORT_RESIZED), because initiators know the old one. Like aoetarget_add_export(), it may
/// wait for a disk. Stores the capacity in sectors, unless `sectors` is NULL. Returns 0, or ENOENT if there
/// is no such export. Since 0.1.
AOETARGET_API int aoetarget_resize_export(aoetarget_target* target, uint16_t shelf, uint8_t slot,
                                          uint64_t* sectors);

/// Stops answering for the export at once, finishes the requests under way, then flushes and destroys the
/// device, at the end of a later turn of the loop. Then it calls `gone`, unless that is NULL or the target
/// ends first. Returns 0, or ENOENT if there is no such export. Since 0.1.
AOETARGET_API int aoetarget_remove_export(aoetarget_target* target, uint16_t shelf, uint8_t slot,
                                          void (*gone)(void* user), void (*destroy)(void* user), void* user);

// --- Functions of the host -----------------------------------------------------------------------

/// Calls `call` on the target's thread, at the beginning of the next turn, in the order of posting; then
/// `destroy`. Any thread may call this, also before aoetarget_run() and from a device's own threads, but no
/// signal handler: it takes a lock and memory. What the target has not called when it ends, and what is
/// posted later, is only destroyed, so a thread that waits for its function learns of that. As long as
/// another thread may post, the target must not be destroyed. Returns 0, or EINVAL without `call`. Since 0.1.
AOETARGET_API int aoetarget_post(aoetarget_target* target, void (*call)(void* user),
                                 void (*destroy)(void* user), void* user);

/// Calls `call` once, in the first turn that finds that `delay_ms` milliseconds have passed since now; less
/// than 0 counts as 0. When the target ends, functions that wait are only destroyed. Stores a number for
/// aoetarget_cancel_call(), unless `id` is NULL; it is 0 if the target has ended. Returns 0, or EINVAL
/// without `call`. Since 0.1.
AOETARGET_API int aoetarget_call_after(aoetarget_target* target, int64_t delay_ms, void (*call)(void* user),
                                       void (*destroy)(void* user), void* user, uint64_t* id);

/// Ends what aoetarget_call_after() began. Returns 0, or ENOENT if the function has been called before (or
/// calls this), was cancelled, or is unknown. Since 0.1.
AOETARGET_API int aoetarget_cancel_call(aoetarget_target* target, uint64_t id);

/// Calls `ready`, at most once a turn, as long as poll(2) would tell one of `events` of `fd` (POLLIN,
/// POLLOUT, POLLPRI), or one of POLLERR and POLLHUP, which are always told; `revents` has them. If `fd` is
/// not open or cannot be polled, `ready` is called once, with POLLNVAL. A second call with the same number
/// takes the place of the first. The caller still owns `fd`, and must keep it open until aoetarget_unwatch()
/// or the end of the target; `destroy` is called then. Returns 0, or EINVAL without `ready`.
///
/// If the host calls aoetarget_poll() instead of aoetarget_run(), watch eventfds in the host's own loop: the
/// kernel does not pass a second wake-up of one eventfd on to another, and aoetarget_fd() is an eventfd.
/// Since 0.1.
AOETARGET_API int aoetarget_watch(aoetarget_target* target, int fd, short events,
                                  void (*ready)(void* user, short revents), void (*destroy)(void* user),
                                  void* user);

/// Ends a watch. From now on its function is not called any more, and the caller may close `fd`. `ready` may
/// end its own watch. Numbers that are not watched are ignored. Returns 0. Since 0.1.
AOETARGET_API int aoetarget_unwatch(aoetarget_target* target, int fd);

#endif
