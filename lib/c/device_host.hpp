// What a target does for one device of the host.
#pragma once

#include <aoetarget-c/device.h>
#include <aoetarget/block_device.hpp>
#include <aoetarget/device_host.hpp>

struct aoetarget_device_host {
    aoetarget_device_host(aoetarget::DeviceHost& its_host, const aoetarget::BlockDevice& its_device)
        : host(its_host), device(its_device) {}

    /// Between these the thread may use the host, although it runs no target.
    void begin_callback() { in_callback = true; }
    void end_callback() { in_callback = false; }

    aoetarget::DeviceHost& host;
    const aoetarget::BlockDevice& device;
    bool in_callback = false;
};
