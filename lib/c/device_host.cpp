// The functions of a target for its devices.
#include "c/device_host.hpp"

#include "c/target.hpp"
#include "c/user_data.hpp"

#include <chrono>

using namespace aoetarget::c_interface;

namespace {

constexpr const char* no_host = "there is no host; pass what set_host() has got";

/// Does `work(host)` if this thread may use the host, as far as that can be told.
template <typename Work>
int on_its_thread(aoetarget_device_host* host, Work work) noexcept {
    return guarded([&]() -> int {
        needed(host, no_host);
        if (!host->in_callback && !is_called_back())
            refuse(EPERM, "this thread runs no target; use aoetarget_host_post() from here");
        return work(host->host);
    });
}

} // namespace

int aoetarget_host_watch(aoetarget_device_host* host, int fd, short events,
                         void (*ready)(void* user, short revents), void (*destroy)(void* user), void* user) {
    UserData held(user, destroy);
    return on_its_thread(host, [&](aoetarget::DeviceHost& it) {
        it.watch(fd, events, bound(ready, std::move(held)));
        return 0;
    });
}

int aoetarget_host_unwatch(aoetarget_device_host* host, int fd) {
    return on_its_thread(host, [&](aoetarget::DeviceHost& it) {
        it.unwatch(fd);
        return 0;
    });
}

int aoetarget_host_call_after(aoetarget_device_host* host, int64_t delay_ms, void (*call)(void* user),
                              void (*destroy)(void* user), void* user, uint64_t* id) {
    UserData held(user, destroy);
    return on_its_thread(host, [&](aoetarget::DeviceHost& it) {
        const aoetarget::CallId call_id =
            it.call_after(std::chrono::milliseconds(delay_ms), bound(call, std::move(held)));
        if (id != nullptr)
            *id = call_id;
        return 0;
    });
}

int aoetarget_host_cancel_call(aoetarget_device_host* host, uint64_t id) {
    return on_its_thread(host, [&](aoetarget::DeviceHost& it) {
        return found(it.cancel_call(id), "there is no such call: it was made, cancelled, or never asked for");
    });
}

int aoetarget_host_call_at_turn_end(aoetarget_device_host* host, void (*call)(void* user),
                                    void (*destroy)(void* user), void* user, uint64_t* id) {
    UserData held(user, destroy);
    return on_its_thread(host, [&](aoetarget::DeviceHost& it) {
        const aoetarget::CallId call_id = it.call_at_turn_end(bound(call, std::move(held)));
        if (id != nullptr)
            *id = call_id;
        return 0;
    });
}

int aoetarget_host_post(aoetarget_device_host* host, void (*call)(void* user), void (*destroy)(void* user),
                        void* user) {
    UserData held(user, destroy);
    return guarded([&] { // on any thread
        needed(host, no_host).host.post(bound(call, std::move(held)));
        return 0;
    });
}

int aoetarget_host_capacity_changed(aoetarget_device_host* host) {
    return on_its_thread(host, [&](aoetarget::DeviceHost& it) {
        it.capacity_changed(host->device);
        return 0;
    });
}

int aoetarget_host_retire(aoetarget_device_host* host, const char* why) {
    return on_its_thread(host, [&](aoetarget::DeviceHost& it) {
        it.retire(host->device, why != nullptr ? why : "");
        return 0;
    });
}
