// A file device or a network interface that one process opens and another serves: a process that has given up
// its rights can take over what it may not open.
#ifndef AOETARGET_C_HAND_OVER_H
#define AOETARGET_C_HAND_OVER_H

#include <aoetarget-c/base.h>
#include <aoetarget-c/file_device.h>
#include <aoetarget-c/options.h>

/// A device as a message over a Unix socket carries it.
struct aoetarget_device_parts {
    size_t size;
    /// What the library has found out about the file, at most 16384 bytes, which may be zeros.
    const void* facts;
    size_t facts_bytes;
    /// To be sent in this order (SCM_RIGHTS), at most 3. The locks and the exclusive use of the device belong
    /// to the open files, so they go with them, and last until every process has closed its own.
    const int* descriptors;
    size_t descriptor_count;
};
#define AOETARGET_DEVICE_PARTS_INIT AOETARGET_SIZED(struct aoetarget_device_parts)

/// Opens a file as aoetarget_open_file() does, but does not take its lock, which the process to which it
/// is sent has or takes; nor, with `replaces`, the exclusive use of a block device. The result is there to be
/// taken apart; targets refuse it (EINVAL). Since 0.1.
AOETARGET_API aoetarget_device* aoetarget_open_unclaimed(const char* path,
                                                         const struct aoetarget_file_options* options);

/// Makes a device of a file or block device that another process, such as a service manager, has opened for
/// this one. It owns the descriptor, which is closed also if this fails. `path` is where the file is.
/// Everything is checked and locked as aoetarget_open_file() does, but a block device is not taken into
/// exclusive use, so the target does not read ahead, and a note says so. An open file serves one device
/// (EBUSY). Since 0.1.
AOETARGET_API aoetarget_device* aoetarget_adopt_file(int descriptor, const char* path,
                                                     const struct aoetarget_file_options* options);

/// Fills `parts`, up to the size that it has. What they point to is the device's, and stays until the device
/// is passed to a target, destroyed or taken apart again: send them before. Returns 0; EINVAL for a device of
/// the host's own, EMSGSIZE if the facts are too long, as an endless path makes them. Since 0.1.
AOETARGET_API int aoetarget_take_apart_device(aoetarget_device* device, struct aoetarget_device_parts* parts);

/// Makes the device from parts that another process has sent, with the locks, the exclusive use, and
/// everything else that it had there. It owns the descriptors, which are closed also if this fails. It opens
/// nothing. With `replaces` (0 or 1) it shares the lock of a device of this process that has the same file
/// open, if that one is in the way, for aoetarget_replace_device(). The sender may be hostile: hand_over.hpp
/// of the C++ interface says what is checked. Errors are EBADMSG if parts are missing, wrong or of another
/// version of the library, EBUSY, EROFS and EFBIG. Since 0.1.
AOETARGET_API aoetarget_device* aoetarget_put_together_device(const struct aoetarget_device_parts* parts,
                                                              int replaces);

/// What serving a network interface takes rights for, opened by a process that has them: packet sockets
/// (CAP_NET_RAW), with receive buffers beyond net.core.rmem_max (CAP_NET_ADMIN), and the program that brings
/// frames through AF_XDP (CAP_BPF and CAP_NET_ADMIN).
typedef struct aoetarget_prepared_interface aoetarget_prepared_interface;

/// A prepared interface as a message over a Unix socket carries it (SCM_RIGHTS).
struct aoetarget_interface_parts {
    size_t size;
    /// 1 to 3 packet sockets (AF_PACKET, SOCK_RAW, protocol 0): one that receives, one that sends, and one
    /// that sends frames longer than a page. Where the second or third is missing, the one before it does its
    /// work.
    const int* sockets;
    size_t socket_count;
    /// The parts of the XDP program, in this order; none if there is no program.
    const int* program;
    size_t program_count;
    const char* why_no_xdp; ///< As the statistics tell it, if XDP was wanted; else empty or NULL.
    uint8_t is_generic;     ///< 1: the kernel runs the program, and not the driver.
};
#define AOETARGET_INTERFACE_PARTS_INIT AOETARGET_SIZED(struct aoetarget_interface_parts)

/// Opens what serving the interface with these options takes. It must exist; a pattern names none. The XDP
/// program is attached to the interface, and passes all frames until a target uses it. This waits up to a
/// second for the XDP program of another process to go. The caller owns the result until it passes it to a
/// target. It fails as aoetarget_add_interface() does. Since 0.1.
AOETARGET_API aoetarget_prepared_interface*
aoetarget_prepare_interface(const char* name, const struct aoetarget_interface_options* options);

/// Destroys what no target has got. NULL is ignored. Since 0.1.
AOETARGET_API void aoetarget_destroy_prepared_interface(aoetarget_prepared_interface* prepared);

/// Fills `parts`, up to the size that it has. What they point to is the prepared interface's, and stays until
/// that is passed to a target, destroyed or taken apart again. Returns 0. Since 0.1.
AOETARGET_API int aoetarget_take_apart_interface(aoetarget_prepared_interface* prepared,
                                                 struct aoetarget_interface_parts* parts);

/// Makes it of parts that another process, such as a service manager, has opened. It owns the descriptors,
/// which are closed also if this fails. The sender may be hostile. Fails with EBADMSG if parts are missing,
/// too many or wrong. Since 0.1.
AOETARGET_API aoetarget_prepared_interface*
aoetarget_put_together_interface(const struct aoetarget_interface_parts* parts);

#endif
