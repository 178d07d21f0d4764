// The functions of the host that a target calls.
#include "c/target.hpp"
#include "c/user_data.hpp"

#include <chrono>

using namespace aoetarget::c_interface;

int aoetarget_post(aoetarget_target* target, void (*call)(void* user), void (*destroy)(void* user),
                   void* user) {
    UserData held(user, destroy);
    return guarded([&] { // on any thread
        needed(target, "there is no target; pass what aoetarget_create() has returned")
            .target.post(bound(call, std::move(held)));
        return 0;
    });
}

int aoetarget_call_after(aoetarget_target* target, int64_t delay_ms, void (*call)(void* user),
                         void (*destroy)(void* user), void* user, uint64_t* id) {
    UserData held(user, destroy);
    return on_its_thread(target, [&](aoetarget::Target& it) {
        const aoetarget::CallId call_id =
            it.call_after(std::chrono::milliseconds(delay_ms), bound(call, std::move(held)));
        if (id != nullptr)
            *id = call_id;
        return 0;
    });
}

int aoetarget_cancel_call(aoetarget_target* target, uint64_t id) {
    return on_its_thread(target, [&](aoetarget::Target& it) {
        return found(it.cancel_call(id), "there is no such call: it was made, cancelled, or never asked for");
    });
}

int aoetarget_watch(aoetarget_target* target, int fd, short events, void (*ready)(void* user, short revents),
                    void (*destroy)(void* user), void* user) {
    UserData held(user, destroy);
    return on_its_thread(target, [&](aoetarget::Target& it) {
        it.watch(fd, events, bound(ready, std::move(held)));
        return 0;
    });
}

int aoetarget_unwatch(aoetarget_target* target, int fd) {
    return on_its_thread(target, [&](aoetarget::Target& it) {
        it.unwatch(fd);
        return 0;
    });
}
