// Devices of the host's own, and their operations.
#ifndef AOETARGET_C_DEVICE_H
#define AOETARGET_C_DEVICE_H

#include <aoetarget-c/base.h>

#include <sys/uio.h>

/// The properties of a device. Zero is each one's default, except that there must be sectors.
struct aoetarget_geometry {
    size_t size;
    /// Capacity in sectors of 512 bytes, 1 to 2^48 - 1, a whole number of logical blocks.
    uint64_t sectors;
    /// Smallest unit of I/O in bytes: a power of two from 512 (the default) to 65536. The target submits only
    /// whole logical blocks: if a request writes a part of one, the target reads the block, patches it and
    /// writes it back.
    uint32_t logical_block_bytes;
    /// The unit in bytes that the medium prefers: a power of two, at least a logical block (the default) and
    /// at most 16 MiB.
    uint32_t physical_block_bytes;
    /// Distance in sectors from the start of the physical block in which sector 0 lies to sector 0. It must
    /// be smaller than a physical block.
    uint32_t physical_offset_sectors;
    /// Alignment that buffers must have, in bytes: a power of two up to 4096. The default is 1.
    uint32_t memory_alignment;
    /// 0 if unknown, 1 if the medium does not rotate, else revolutions per minute (0x401 to 0xFFFE).
    uint16_t rotation_rate;
    /// 1: the target refuses writes and discards before they reach the device.
    uint8_t read_only;
    /// 1: a completed write may be lost in a power cut until a flush has completed, unless
    /// aoetarget_io_durable() was true. 0: a completed write is on stable storage.
    uint8_t volatile_cache;
    /// 1: the device takes AOETARGET_IO_DISCARD.
    uint8_t discard;
    /// 1: discarded sectors read as zeros. It has no meaning without `discard`.
    uint8_t discard_zeroes;
    /// 1: the target may read sectors before an initiator asks for them, and answer from that data for up to
    /// 100 ms. Set this only if nothing but the target changes the data, and if a read costs enough.
    uint8_t read_ahead;
};
#define AOETARGET_GEOMETRY_INIT AOETARGET_SIZED(struct aoetarget_geometry)

/// What a device does. The target makes all calls on its own thread, with the `user` of
/// aoetarget_create_device(). Each may be NULL, except `submit`.
struct aoetarget_device_ops {
    size_t size;
    /// Starts an operation and returns at once; it must not block. The device must complete it exactly once,
    /// within this call or later. Operations never overlap: while a write or discard is under way, the target
    /// submits no other operation on its sectors, so a device may run operations in any order and at the same
    /// time. A flush covers every write that was completed before its submit().
    void (*submit)(void* user, aoetarget_io* io);
    /// Writes a text that stays the same for the same volume across restarts and differs between volumes into
    /// `text`, with a zero at its end, as snprintf() does. Of `bytes`, which are at least 256, not all need
    /// be used. Returns the length of the text, or a negative number for none. The target derives the default
    /// serial number from it, from the machine and from the AoE address. It calls this at most once, within
    /// aoetarget_add_export().
    int (*identity)(void* user, char* text, size_t bytes);
    /// Ends the device: no operation is under way, and none follows. It is called exactly once, as
    /// aoetarget.h says under "Callbacks": at the end of a turn of the loop, within aoetarget_destroy(), or
    /// within the call that fails or destroys the device.
    void (*destroy)(void* user);
    /// Returns the capacity that the device has now, in sectors, 0 if it does not know or is never to change,
    /// or UINT64_MAX if nothing is left of it. The target calls this within aoetarget_resize_export(). If the
    /// capacity has grown, the target may submit operations up to the new end from then on. If it has shrunk,
    /// the target keeps to the old end, and the device has to fail what lies beyond the new one.
    uint64_t (*refresh_sectors)(void* user);
    /// Returns 1 if writes fail from now on, because a flush has failed and the device does not know what is
    /// on stable storage; else 0. The target calls this after a failure, to tell the host.
    int (*refuses_writes)(void* user);
    /// Gives the device what the target does for it, valid until `destroy`, and only from this call on. The
    /// target calls it once, when it has decided to take the device, before the first submit(). Returns 0, or
    /// an errno value, which may be negative: then the call that adds the device fails with it.
    int (*set_host)(void* user, aoetarget_device_host* host);
    /// 1: `identity` names the volume in the whole world, so that the default serial number is derived from
    /// it alone. Each machine that serves the volume then has the same, at whatever address.
    uint8_t identity_is_global;
};
#define AOETARGET_DEVICE_OPS_INIT AOETARGET_SIZED(struct aoetarget_device_ops)

/// Makes a device of the host's own. It copies both structs. If it fails, it calls `ops->destroy`, and
/// returns NULL: EINVAL without `ops`, `geometry` or `submit`, and E2BIG. The geometry is judged when a
/// target gets the device. Since 0.1.
AOETARGET_API aoetarget_device* aoetarget_create_device(const struct aoetarget_device_ops* ops,
                                                        const struct aoetarget_geometry* geometry,
                                                        void* user);

/// Destroys a device that no target has got. NULL is ignored. Since 0.1.
AOETARGET_API void aoetarget_destroy_device(aoetarget_device* device);

/// What an operation is to do.
enum {
    AOETARGET_IO_READ = 0,
    AOETARGET_IO_WRITE = 1,
    AOETARGET_IO_FLUSH = 2,
    AOETARGET_IO_DISCARD = 3,
};

// The target owns the operation and all that it points to; both stay valid and unchanged from submit() until
// the device completes it. Any thread may call these functions in that time. None of them fails.

/// Returns AOETARGET_IO_*. Since 0.1.
AOETARGET_API int32_t aoetarget_io_op(const aoetarget_io* io);
/// Returns the first sector. Since 0.1.
AOETARGET_API uint64_t aoetarget_io_first(const aoetarget_io* io);
/// Returns the number of sectors, which make whole logical blocks; 0 for a flush. Since 0.1.
AOETARGET_API uint64_t aoetarget_io_count(const aoetarget_io* io);
/// Returns 1 if the device must complete this write or discard only when the change is on stable storage,
/// whatever the device's own mode is; else 0. Since 0.1.
AOETARGET_API uint8_t aoetarget_io_durable(const aoetarget_io* io);
/// Returns the memory into which a read puts the data, or from which a write takes it, and in `count` the
/// number of buffers, 0 for a flush or a discard. Together they are as long as the range. The device may
/// change the entries, for example to continue after a short transfer. Since 0.1.
AOETARGET_API struct iovec* aoetarget_io_iov(aoetarget_io* io, size_t* count);
/// Returns two words for the device's own use between submit() and completion. They are zero at first. Since
/// 0.1.
AOETARGET_API uint64_t* aoetarget_io_slot(aoetarget_io* io);

/// Ends the operation, on the target's thread. `error` is 0 for success, else an errno value; whether it is
/// positive or negative does not matter. The target answers ENODEV, ENXIO and ENOMEDIUM, with which the
/// device is gone, as a device fault; EROFS, EBADF, EPERM and EOPNOTSUPP as an aborted command; and any other
/// error, EIO for example, as uncorrectable if the request reads, else as a device fault. It may leave errors
/// unanswered for a while (aoetarget_export_options.silence_on_error_ms). After EAGAIN and ENOMEM it never
/// answers, and the initiator repeats the request. On a thread that runs no target, this does what
/// aoetarget_io_complete_from_any_thread() does. Since 0.1.
AOETARGET_API void aoetarget_io_complete(aoetarget_io* io, int error);
/// Does the same from any thread, and takes no lock. aoetarget_destroy() waits until every operation is
/// completed, unless aoetarget_target_options.device_patience_ms ends before. Since 0.1.
AOETARGET_API void aoetarget_io_complete_from_any_thread(aoetarget_io* io, int error);

// What a target does for a device. The functions are called on the target's thread, as long as the device
// exists: they continue while the target stops or is destroyed, until no device has an operation any more.
// A device ends its watches and takes its calls back at the latest within `destroy`. On a thread that runs no
// target, all of them but aoetarget_host_post() fail with EPERM, except within set_host() and `destroy`.
// `destroy` of a call is called as aoetarget.h says under "Callbacks", and may be NULL.

/// Calls `ready` as aoetarget_watch() does, for this device. Since 0.1.
AOETARGET_API int aoetarget_host_watch(aoetarget_device_host* host, int fd, short events,
                                       void (*ready)(void* user, short revents), void (*destroy)(void* user),
                                       void* user);
/// Ends a watch. Numbers that are not watched are ignored. Since 0.1.
AOETARGET_API int aoetarget_host_unwatch(aoetarget_device_host* host, int fd);
/// Calls `call` once, as aoetarget_call_after() does. Stores its number, unless `id` is NULL. Since 0.1.
AOETARGET_API int aoetarget_host_call_after(aoetarget_device_host* host, int64_t delay_ms,
                                            void (*call)(void* user), void (*destroy)(void* user), void* user,
                                            uint64_t* id);
/// Takes a call back, also one at the end of a turn. Returns 0, or ENOENT if it was made before, or is
/// unknown. Since 0.1.
AOETARGET_API int aoetarget_host_cancel_call(aoetarget_device_host* host, uint64_t id);
/// Calls `call` at the end of this turn of the loop, when all operations that the turn brings have been
/// submitted; or of the next one, if none is under way or ends just now. The device may be destroyed before:
/// then `destroy` of the device has to take the call back. Stores its number, unless `id` is NULL. Since 0.1.
AOETARGET_API int aoetarget_host_call_at_turn_end(aoetarget_device_host* host, void (*call)(void* user),
                                                  void (*destroy)(void* user), void* user, uint64_t* id);
/// Calls `call` at the beginning of the next turn. Any thread may call this, but no signal handler; the
/// caller makes sure that the device is still there. Since 0.1.
AOETARGET_API int aoetarget_host_post(aoetarget_device_host* host, void (*call)(void* user),
                                      void (*destroy)(void* user), void* user);
/// Asks the device for its capacity, as aoetarget_resize_export() does. Does nothing unless the device has
/// the operations of an export now. Since 0.1.
AOETARGET_API int aoetarget_host_capacity_changed(aoetarget_device_host* host);
/// Removes the export whose operations the device has now; AOETARGET_EVENT_EXPORT_REMOVED tells `why`, a
/// sentence. The device has to complete the operations under way, and the flush that follows. Since 0.1.
AOETARGET_API int aoetarget_host_retire(aoetarget_device_host* host, const char* why);

#endif
