// The life and the loop of a target, and the check of the thread.
#include "c/target.hpp"

#include "c/events.hpp"
#include "c/structs.hpp"
#include "c/user_data.hpp"

#include <chrono>
#include <memory>

#include <unistd.h>

namespace aoetarget::c_interface {
namespace {

constexpr const char* no_target = "there is no target; pass what aoetarget_create() has returned";

thread_local unsigned loops_here = 0;

/// The time in which a target may call the host.
class CallingBack {
  public:
    explicit CallingBack(aoetarget_target& target) : target_(target) {
        target_.calls_back = true;
        ++loops_here;
    }
    ~CallingBack() {
        --loops_here;
        target_.calls_back = false;
    }
    CallingBack(const CallingBack&) = delete;
    CallingBack& operator=(const CallingBack&) = delete;

  private:
    aoetarget_target& target_;
};

/// From now on the target belongs to this thread.
void bind_to_thread(aoetarget_target* target) {
    pid_t nobody = 0;
    needed(target, no_target).owner.compare_exchange_strong(nobody, gettid());
    check_thread(target);
    if (target->calls_back)
        refuse(EDEADLK,
               "a function that the target calls may not run, poll or destroy it; use aoetarget_stop(), "
               "and do the rest after aoetarget_run() or aoetarget_poll() has returned");
}

/// After an orderly end any thread may use the target.
int ended(aoetarget_target& target) {
    target.has_ended = true;
    if (target.stops.load() <= 1)
        target.owner.store(0);
    return 0;
}

/// Does `turns(target)`, which returns whether the target still serves.
template <typename Turns>
int take_turns(aoetarget_target* target, Turns turns) noexcept {
    return guarded([&] {
        bind_to_thread(target);
        bool serves = !target->has_ended;
        if (serves) {
            const CallingBack calling_back(*target);
            serves = turns(target->target);
        }
        return serves ? 1 : ended(*target);
    });
}

TargetOptions options_from(const aoetarget_target_options& from, UserData&& user) {
    TargetOptions options;
    if (from.buffer_count != 0)
        options.buffer_count = from.buffer_count;
    if (from.busy_poll_us != 0)
        options.busy_poll =
            std::chrono::microseconds(from.busy_poll_us == AOETARGET_NONE ? 0 : from.busy_poll_us);
    if (from.device_patience_ms != 0)
        options.device_patience = std::chrono::milliseconds(
            from.device_patience_ms == AOETARGET_NONE ? 0 : from.device_patience_ms);
    options.state_directory = text_or_empty(from.state_directory);
    options.on_event = event_function(from.on_event, std::move(user));
    return options;
}

} // namespace

void check_thread(aoetarget_target* target) {
    const pid_t owner = needed(target, no_target).owner.load();
    if (owner != 0 && owner != gettid())
        refuse(EPERM,
               "the target belongs to the thread that first ran or polled it; let aoetarget_post() call a "
               "function there, and in a child process create a target of its own");
}

bool is_called_back() noexcept {
    return loops_here > 0;
}

} // namespace aoetarget::c_interface

using namespace aoetarget::c_interface;

aoetarget_target* aoetarget_create(const aoetarget_target_options* options) {
    return guarded_pointer([&] {
        const aoetarget_target_options known = known_part(options);
        UserData user(known.user, known.destroy);
        check_size(options);
        return std::make_unique<aoetarget_target>(options_from(known, std::move(user))).release();
    });
}

int aoetarget_destroy(aoetarget_target* target) {
    if (target == nullptr)
        return 0;
    return guarded([&] {
        bind_to_thread(target);
        target->calls_back = true; // for good
        ++loops_here;
        delete target;
        --loops_here;
        return 0;
    });
}

int aoetarget_run(aoetarget_target* target) {
    return take_turns(target, [](aoetarget::Target& it) {
        it.run();
        return false;
    });
}

int aoetarget_poll(aoetarget_target* target) {
    return take_turns(target, [](aoetarget::Target& it) { return it.poll(); });
}

void aoetarget_stop(aoetarget_target* target) {
    if (target == nullptr)
        return;
    target->stops.fetch_add(1);
    target->target.stop();
}

int aoetarget_fd(aoetarget_target* target) {
    return on_its_thread(target, [](aoetarget::Target& it) { return it.fd(); });
}

int aoetarget_features(aoetarget_target* target, char* text, size_t bytes) {
    return on_its_thread(target,
                         [&](aoetarget::Target& it) { return fill_text(text, bytes, it.features()); });
}
