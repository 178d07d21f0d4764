// The target of C: that of C++, and the thread to which it belongs.
#pragma once

#include "c/error.hpp"

#include <aoetarget-c/target.h>
#include <aoetarget/target.hpp>

#include <atomic>
#include <string>
#include <vector>

#include <sys/types.h>

struct aoetarget_target {
    explicit aoetarget_target(const aoetarget::TargetOptions& options) : target(options) {}

    std::atomic<pid_t> owner{0};    ///< The thread to which it belongs, or 0.
    std::atomic<unsigned> stops{0}; ///< Calls of aoetarget_stop().
    bool calls_back = false;        ///< It runs, polls or is being destroyed.
    bool has_ended = false;
    std::vector<std::string> notes{}; ///< Those of the last export.
    aoetarget::Target target;         ///< The last member, since its devices may call the others at its end.
};

namespace aoetarget::c_interface {

/// Throws if there is no target, or if this thread may not use it.
void check_thread(aoetarget_target* target);

/// Does `work(target)` as guarded() and guarded_pointer() do, if this thread may use the target.
template <typename Work>
int on_its_thread(aoetarget_target* target, Work work) noexcept {
    return guarded([&]() -> int {
        check_thread(target);
        return work(target->target);
    });
}
template <typename Work>
auto pointer_on_its_thread(aoetarget_target* target, Work work) noexcept {
    return guarded_pointer([&] {
        check_thread(target);
        return work(target->target);
    });
}

/// Returns 0, or throws that there is no such interface, export or call.
inline int found(bool is_there, const char* what) {
    if (!is_there)
        refuse(ENOENT, what);
    return 0;
}

/// Returns whether this thread runs, polls or destroys a target, so that it may complete operations of that.
bool is_called_back() noexcept;

} // namespace aoetarget::c_interface
