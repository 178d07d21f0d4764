// What all parts of the C interface share: errors, the version, and the objects. See aoetarget.h.
#ifndef AOETARGET_C_BASE_H
#define AOETARGET_C_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define AOETARGET_API extern "C" __attribute__((visibility("default")))
#else
#define AOETARGET_API extern __attribute__((visibility("default")))
#endif

/// The unit of every AoE request in bytes, whatever the logical block of the device is.
#define AOETARGET_SECTOR_BYTES 512

/// "No time at all", for durations in options: they have their default if they are zero.
#define AOETARGET_NONE (-1)

/// The value with which a struct of the caller begins its life: it has its size, and zeros.
#ifdef __cplusplus
template <typename Struct>
constexpr Struct aoetarget_sized() {
    Struct sized{};
    sized.size = sizeof sized;
    return sized;
}
#define AOETARGET_SIZED(type) aoetarget_sized<type>()
#else
#define AOETARGET_SIZED(type)                                                                                \
    { .size = sizeof(type) }
#endif

typedef struct aoetarget_target aoetarget_target;
/// A device that no target owns yet.
typedef struct aoetarget_device aoetarget_device;
/// One operation of a device.
typedef struct aoetarget_io aoetarget_io;
/// What a target does for a device of the host.
typedef struct aoetarget_device_host aoetarget_device_host;

/// Returns the cause of the last error of a function of this library in this thread, and its cure, as a
/// human-readable sentence; before the first one, an empty text. It stays until the next error in this
/// thread. Texts longer than 511 bytes are cut. Since 0.1.
AOETARGET_API const char* aoetarget_error(void);

/// Returns the version of the library that is loaded, "MAJOR.MINOR.PATCH", for as long as it is loaded. Any
/// thread may call it. Since 0.1.
AOETARGET_API const char* aoetarget_version(void);

#endif
