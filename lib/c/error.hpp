// The C interface: the functions of aoetarget.h over the C++ interface. It includes the public headers only,
// so it can do what any host can. This file turns exceptions into what C has for them.
#pragma once

#include <cerrno>

namespace aoetarget::c_interface {

/// Keeps the sentence of the exception that is being handled for aoetarget_error(). Returns its negative
/// errno value.
int caught() noexcept;

/// Throws what becomes this error.
[[noreturn]] void refuse(int error, const char* text);

/// Runs `work`, which returns 0 or a number, and turns what it throws into a negative errno value.
template <typename Work>
int guarded(Work work) noexcept {
    try {
        return work();
    } catch (...) {
        return caught();
    }
}

/// Runs `work`, which returns a pointer, and turns what it throws into NULL and errno.
template <typename Work>
auto guarded_pointer(Work work) noexcept -> decltype(work()) {
    try {
        return work();
    } catch (...) {
        errno = -caught();
        return nullptr;
    }
}

/// Returns the object, which must be there.
template <typename Object>
Object& needed(Object* object, const char* what) {
    if (object == nullptr)
        refuse(EINVAL, what);
    return *object;
}

} // namespace aoetarget::c_interface
