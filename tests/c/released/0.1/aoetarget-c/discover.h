// Discovery from the initiator's side, for tools: it lists the targets that answer on a network.
#ifndef AOETARGET_C_DISCOVER_H
#define AOETARGET_C_DISCOVER_H

#include <aoetarget-c/base.h>

/// What answered. Each pair of address and MAC address is one entry, sorted by address, then by MAC address.
typedef struct aoetarget_discovery aoetarget_discovery;

struct aoetarget_discovered {
    uint16_t shelf;
    uint8_t slot;
    uint8_t mac[6];
    uint32_t sectors_per_frame;
    uint32_t buffer_count;
    uint32_t firmware_version;
    /// The bytes that the target stores, up to 1024. They may be anything.
    const void* config_string;
    size_t config_string_bytes;
    /// Capacity in sectors of 512 bytes. IDENTIFY DEVICE gives this, `model` and `serial`; if the target did
    /// not answer it, they are 0 and empty.
    uint64_t sectors;
    const char* model;
    const char* serial;
};

/// Asks every target on the interface's network and collects answers until `timeout_ms` milliseconds are
/// over. It blocks for all of that time, and needs CAP_NET_RAW. It needs no target; any thread may call it.
/// The caller owns the result. Errors are those of sockets. Since 0.1.
AOETARGET_API aoetarget_discovery* aoetarget_discover(const char* interface_name, int64_t timeout_ms);
/// Ends a list. NULL is ignored. Since 0.1.
AOETARGET_API void aoetarget_destroy_discovery(aoetarget_discovery* discovery);
/// Returns the number of entries. Since 0.1.
AOETARGET_API size_t aoetarget_discovery_count(const aoetarget_discovery* discovery);
/// Fills in one entry: see aoetarget.h for `size` and the result. ENOENT if there is none. Since 0.1.
AOETARGET_API int aoetarget_discovery_entry(const aoetarget_discovery* discovery, size_t index,
                                            struct aoetarget_discovered* out, size_t size);

#endif
