// Events on their way to the host.
#pragma once

#include "c/user_data.hpp"

#include <aoetarget-c/event.h>
#include <aoetarget/event.hpp>

#include <functional>

namespace aoetarget::c_interface {

/// Returns AOETARGET_EVENT_*.
int number_of(EventKind kind) noexcept;

/// Returns a function that hands events to the host, or none if the host has none.
std::function<void(const Event&)> event_function(void (*on_event)(void* user, const aoetarget_event* event),
                                                 UserData&& user);

} // namespace aoetarget::c_interface
