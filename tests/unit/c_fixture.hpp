// A host of the C interface: volumes in memory that count what becomes of them, and a target on a thread of
// its own.
#pragma once

#include "support/check.hpp"
#include "support/patience.hpp"
#include "support/raw_client.hpp"
#include "support/test_network.hpp"

#include <aoetarget.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <future>
#include <thread>

namespace aoetest {

/// What the library did with something that it got.
struct Fate {
    std::atomic<int> calls{0};
    std::atomic<int> destroyed{0};

    static void call(void* fate) { ++static_cast<Fate*>(fate)->calls; }
    static void destroy(void* fate) { ++static_cast<Fate*>(fate)->destroyed; }
};

struct CVolume : Fate {
    explicit CVolume(std::uint64_t sectors = 2048) : data(pattern(0, sectors)) {
        geometry.sectors = sectors;
        ops.submit = [](void* user, aoetarget_io* io) { static_cast<CVolume*>(user)->submit(io); };
        ops.destroy = destroy;
    }

    /// Returns a device whose `user` is this.
    aoetarget_device* device() { return aoetarget_create_device(&ops, &geometry, static_cast<Fate*>(this)); }

    void submit(aoetarget_io* io) {
        ++calls;
        std::size_t count = 0;
        const iovec* iov = aoetarget_io_iov(io, &count);
        std::uint8_t* at = data.data() + aoetarget_io_first(io) * AOETARGET_SECTOR_BYTES;
        for (std::size_t i = 0; i < count; at += iov[i++].iov_len)
            if (aoetarget_io_op(io) == AOETARGET_IO_READ)
                std::memcpy(iov[i].iov_base, at, iov[i].iov_len);
            else
                std::memcpy(at, iov[i].iov_base, iov[i].iov_len);
        complete(io);
    }

    aoetarget_geometry geometry = AOETARGET_GEOMETRY_INIT;
    aoetarget_device_ops ops = AOETARGET_DEVICE_OPS_INIT;
    Bytes data;
    std::function<void(aoetarget_io*)> complete = [](aoetarget_io* io) { aoetarget_io_complete(io, 0); };
};

inline aoetarget_export_options c_export(std::uint16_t shelf, std::uint8_t slot) {
    aoetarget_export_options options = AOETARGET_EXPORT_OPTIONS_INIT;
    options.shelf = shelf;
    options.slot = slot;
    return options;
}

/// Ends with its scope, unless the test has destroyed it.
struct CTarget {
    explicit CTarget(const aoetarget_target_options* options = nullptr) : target(aoetarget_create(options)) {
        if (target == nullptr)
            abort_test(aoetarget_error());
    }
    ~CTarget() { aoetarget_destroy(target); }
    CTarget(const CTarget&) = delete;
    CTarget& operator=(const CTarget&) = delete;
    operator aoetarget_target*() const { return target; }

    aoetarget_target* target;
};

/// Runs a target on a thread of its own.
class RunningCTarget {
  public:
    explicit RunningCTarget(aoetarget_target* target)
        : target_(target), thread_([this] { result_ = aoetarget_run(target_); }) {
        on_its_thread([] {}); // it is bound when this has happened
    }
    ~RunningCTarget() { end(); }
    RunningCTarget(const RunningCTarget&) = delete;
    RunningCTarget& operator=(const RunningCTarget&) = delete;

    int end() {
        if (thread_.joinable()) {
            aoetarget_stop(target_);
            thread_.join();
        }
        return result_;
    }
    void on_its_thread(const std::function<void()>& work) {
        struct Call {
            const std::function<void()>& work;
            std::promise<void> done;
        } call{work, {}};
        std::future<void> done = call.done.get_future();
        aoetarget_post(
            target_, [](void* user) { static_cast<Call*>(user)->work(); },
            [](void* user) { static_cast<Call*>(user)->done.set_value(); }, &call);
        done.get();
    }

  private:
    aoetarget_target* target_;
    int result_ = -1;
    std::thread thread_;
};

} // namespace aoetest
