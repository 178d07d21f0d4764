// The options of a target, its interfaces and its exports. Zero is each one's default.
#ifndef AOETARGET_C_OPTIONS_H
#define AOETARGET_C_OPTIONS_H

#include <aoetarget-c/base.h>
#include <aoetarget-c/event.h>

struct aoetarget_target_options {
    size_t size;
    /// The number of requests that each initiator may have under way at an export, 2 to 65535; 0 is 128.
    /// Query Config advertises it; Linux opens a window of this size per interface of the target. The target
    /// drops the requests beyond it, so that no initiator takes the place of others.
    uint32_t buffer_count;
    /// The time in microseconds for which aoetarget_run() may stay awake when there is nothing to do, up to
    /// 1000; 0 is 10, and AOETARGET_NONE always sleeps. It stays awake only while the next frame or the disk
    /// usually takes no longer, and then answers several microseconds sooner. The default costs no more
    /// processor time than to sleep and be woken; a larger value keeps a core busy under load.
    int32_t busy_poll_us;
    /// The time in milliseconds for which aoetarget_destroy() waits for devices that have operations, up to a
    /// day; 0 waits for as long as it takes, and AOETARGET_NONE not at all. Then it gives up: it returns, and
    /// what such a device may still use is never freed, its `user` included. Interfaces and the other devices
    /// are released. Later completions of the operations are harmless.
    int64_t device_patience_ms;
    /// The directory that keeps the config string, the mask list and the reservation of each export across
    /// restarts and power cuts, in one file per export. The target makes the directory, but not its parents,
    /// if it does not exist. If this is NULL or empty, the target forgets these settings when it ends.
    const char* state_directory;
    /// The target calls this for each event, at the end of a turn of the loop, with `user`. It must not
    /// block. The event and its strings end when it returns. If it is NULL, the target tells no events.
    void (*on_event)(void* user, const struct aoetarget_event* event);
    /// For `user`: see aoetarget.h, "Callbacks". The target calls it within aoetarget_destroy().
    void (*destroy)(void* user);
    void* user;
};
#define AOETARGET_TARGET_OPTIONS_INIT AOETARGET_SIZED(struct aoetarget_target_options)

/// The way that frames take between an interface and the target.
enum {
    /// XDP if the driver supports it natively, one AF_XDP socket gets all that arrives, and nobody has set up
    /// filters of received frames (tc, tcx, nftables), which AF_XDP passes by; else packet sockets.
    AOETARGET_LINK_AUTOMATIC = 0,
    /// Packet sockets, which work with every interface and every MTU.
    AOETARGET_LINK_PACKET = 1,
    /// AF_XDP, native or generic, which needs CAP_BPF and CAP_NET_ADMIN too, no other XDP program on the
    /// interface, and Linux 6.6 if frames do not fit into a page. If any of this is missing when the
    /// interface
    /// is added, that fails. Later, packet sockets take over for as long as XDP is not possible.
    AOETARGET_LINK_XDP = 2,
};

/// Whether answers go through the queueing discipline of an interface ('tc qdisc') and the filters of frames
/// that are sent, or to the device at once, which is faster.
enum {
    /// The target bypasses what the kernel gives to an interface by itself; answers go through what somebody
    /// has configured.
    AOETARGET_QDISC_AUTOMATIC = 0,
    AOETARGET_QDISC_BYPASS = 1, ///< The target always bypasses it.
    AOETARGET_QDISC_HONOUR = 2, ///< Answers always go through it; AOETARGET_LINK_AUTOMATIC uses no AF_XDP.
};

struct aoetarget_interface_options {
    size_t size;
    int32_t link;  ///< AOETARGET_LINK_*
    int32_t qdisc; ///< AOETARGET_QDISC_*
    /// The number of sectors that Query Config tells initiators to put into a frame at most, 1 to 255. It
    /// never advertises more than fit the MTU. 0 advertises as many as fit the MTU, rounded down to a
    /// multiple of 8 if they are more than 8, which keeps frames aligned to 4 KiB.
    uint32_t sectors_per_frame;
    /// As in aoetarget_target_options, for requests through this interface; 0 is what that one says.
    uint32_t buffer_count;
    /// The seconds between regular advertisements of all exports, up to 86400. 0 advertises only when
    /// something changes, and when a new initiator broadcasts.
    uint32_t advertise_interval_s;
    /// 1: the interface need not be there; it is served as soon as it is. A pattern always waits. XDP is then
    /// set up as far as it can be had.
    uint8_t wait;
};
#define AOETARGET_INTERFACE_OPTIONS_INIT AOETARGET_SIZED(struct aoetarget_interface_options)

struct aoetarget_export_options {
    size_t size;
    uint16_t shelf; ///< 0 to 65534
    uint8_t slot;   ///< 0 to 254
    /// 1: initiators cannot change the config string, the mask list and the reservation. They can read all
    /// three.
    uint8_t fixed;
    /// The serial number, up to 20 printable ASCII characters. If it is NULL or empty, the target derives one
    /// from the machine, the device's identity and the address. Initiators and multipath software recognise a
    /// disk by it, across hosts too.
    const char* serial;
    /// The model, up to 40 printable ASCII characters. NULL is "libaoetarget virtual disk".
    const char* model;
    /// The MAC addresses of the initiators that may use the export, at most 255 (MAC mask list). If it is not
    /// empty, it replaces the list in the state directory; if both are empty, every initiator may. Initiators
    /// can edit the list. An address has six hexadecimal bytes, with or without colons.
    const char* const* mask_list;
    /// The initiators that the operator allows, at most 255 MAC addresses or first bytes of one and an
    /// asterisk ("52:54:00:*"). If it is empty, all are. Others get no answer, whatever the mask list says.
    /// If it has a pattern, advertisements are broadcasts, which others see too. Initiators can neither read
    /// nor change it.
    const char* const* allow;
    /// The interfaces that serve the export: names, or patterns as in a shell ("eth*"; see fnmatch(3)). The
    /// names that they have when the export or they are added count, alternative ones too. If it is empty,
    /// all do. On others the export does not exist.
    const char* const* interfaces;
    /// While the device fails, failed requests stay unanswered for this time in milliseconds, counted from
    /// the first failure, at most a day. Initiators repeat them, Linux for 180 s, so nobody notices the
    /// failure if the device recovers in time. After that, errors are answered. AOETARGET_NONE answers all
    /// errors at once, and so does 0, except that writes that find no space (ENOSPC, EDQUOT) then stay
    /// unanswered for up to 60 s.
    int64_t silence_on_error_ms;
    /// A request that the device has not finished this many milliseconds after it arrived is answered as a
    /// device fault, because current Linux initiators crash when a disk has not answered for 180 s. The
    /// device keeps the memory of the request, and nothing that overlaps it starts before the device has
    /// ended it. At most a day; 0 is 150000, and with AOETARGET_NONE it never is.
    int64_t device_timeout_ms;
};
#define AOETARGET_EXPORT_OPTIONS_INIT AOETARGET_SIZED(struct aoetarget_export_options)

#endif
